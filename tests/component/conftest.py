"""The fixtures of the round, and of a day of motivations, with all their real parts or on either kind of stores."""

from collections.abc import Iterator

import pytest

from tests.support.motivation_day import motivation_day
from tests.support.night import double, night, session_double, settings
from tests.support.rounds import MemoryRounds, MySqlRounds, Rounds, Seeding

__all__ = ["double", "motivation_day", "night", "session_double", "settings"]


@pytest.fixture(params=["memory", "mysql"])
def rounds(request: pytest.FixtureRequest) -> Iterator[Rounds]:
    """The stores of the round, in memory and on MySQL: a test that asks for them runs twice."""
    if request.param == "memory":
        yield MemoryRounds()
    else:
        real = MySqlRounds(request.getfixturevalue("database"))
        yield real
        real.close()


@pytest.fixture
def seed(rounds: Rounds) -> Seeding:
    return Seeding(rounds)
