from datetime import UTC, datetime, timedelta

import pytest

from yomawari.domain.ways import PROBE_EVERY, ByFollowers, ByProfile, Channel, CheckBy, Way, way_of

NOW = datetime(2026, 11, 21, 17, tzinfo=UTC)
FRESH, OLD = NOW - PROBE_EVERY + timedelta(seconds=1), NOW - PROBE_EVERY


@pytest.mark.parametrize(
    ("check_by", "allowed", "probed_at", "way"),
    [
        ("auto", None, None, ByFollowers(probe=True)),
        ("auto", True, FRESH, ByFollowers(probe=False)),
        ("auto", False, FRESH, ByProfile()),
        ("auto", True, OLD, ByFollowers(probe=True)),
        ("auto", False, OLD, ByFollowers(probe=True)),
        ("auto", True, None, ByFollowers(probe=True)),
        ("profile", True, FRESH, ByProfile()),
        ("profile", None, None, ByProfile()),
        ("followers", None, None, ByFollowers(probe=False)),
        ("followers", False, FRESH, ByFollowers(probe=False)),
    ],
)
def test_by_which_way_a_channel_is_asked(
    check_by: CheckBy, allowed: bool | None, probed_at: datetime | None, way: Way
) -> None:
    assert way_of(Channel(check_by, allowed, probed_at), NOW) == way


def test_a_channel_is_probed_every_week() -> None:
    """LINE's answer comes a while after the dispatch; a week later at the same hour it is asked again."""
    answered_at = NOW + timedelta(minutes=20)
    channel = Channel("auto", followers_allowed=False, followers_probed_at=answered_at)
    ways = [way_of(channel, NOW + timedelta(days=days)) for days in range(1, 8)]
    assert ways == [ByProfile()] * 6 + [ByFollowers(probe=True)]
