from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yomawari.domain.runs import (
    TOKYO,
    BadScheduledTimeError,
    check_id_of,
    end_of,
    is_night,
    run_id_of,
    weekday_of,
)


@pytest.mark.parametrize(
    ("scheduled_time", "run_id"),
    [
        ("2022-03-22T17:00:00Z", 2022_03_23_02_00),
        ("2022-03-22T18:59:43Z", 2022_03_23_03_59),
        ("2022-03-23T02:00:00+09:00", 2022_03_23_02_00),
        ("2026-12-31T15:00:00Z", 2027_01_01_00_00),
    ],
)
def test_a_run_is_its_scheduled_minute_in_tokyo(scheduled_time: str, run_id: int) -> None:
    assert run_id_of(scheduled_time) == run_id


@pytest.mark.parametrize(
    "bad", ["", "<aws.scheduler.scheduled-time>", "2022-03-22T17:00:00", "2022-13-01T00:00:00Z", None]
)
def test_anything_else_is_refused_with_what_it_was(bad: str) -> None:
    with pytest.raises(BadScheduledTimeError, match=r"not a date and time|without an offset"):
        run_id_of(bad)


@pytest.mark.parametrize(
    ("moment", "run_id"),
    [
        ("2022-03-22T17:00:00Z", 2022_03_23_02_60),
        ("2022-03-22T17:01:29Z", 2022_03_23_02_60),
        ("2022-03-22T17:01:30Z", 2022_03_23_02_61),
        ("2022-03-22T17:59:59Z", 2022_03_23_02_99),
        ("2022-03-22T22:30:00+05:30", 2022_03_23_02_60),
    ],
)
def test_a_check_is_after_the_nights_of_its_hour_and_before_the_next(moment: str, run_id: int) -> None:
    assert check_id_of(moment) == run_id
    assert run_id_of(moment) < run_id < run_id_of("2022-03-22T18:00:00Z")
    assert (is_night(run_id), is_night(run_id_of(moment))) == (False, True)
    assert weekday_of(run_id) == weekday_of(run_id_of(moment))


@given(st.datetimes(min_value=datetime(2000, 1, 2), max_value=datetime(2999, 12, 31), timezones=st.just(TOKYO)))  # noqa: DTZ001 - Hypothesis adds the zone
def test_a_runs_weekday_is_tokyos(moment: datetime) -> None:
    assert weekday_of(run_id_of(moment.isoformat())) == moment.weekday()


@pytest.mark.parametrize(
    ("failed", "held", "end"),
    [
        (0, 0, "completed"),
        (1, 0, "completed_with_failures"),
        (0, 1, "completed_with_holds"),
        (1, 1, "completed_with_holds"),
    ],
)
def test_how_a_run_ends(failed: int, held: int, end: str) -> None:
    assert end_of(failed, held) == end
