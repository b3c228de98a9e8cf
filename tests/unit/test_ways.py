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
