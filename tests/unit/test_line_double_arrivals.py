from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.line_double.arrivals import Arrivals, SlidingPeak

S = 1_000_000


def brute_force_peak(arrivals_us: list[int]) -> int:
    """The most arrivals in (t - 1 s, t] over every arrival t, counted anew for each."""
    return max((sum(end - S < one <= end for one in arrivals_us) for end in arrivals_us), default=0)


@given(st.lists(st.integers(0, S // 2), max_size=150).map(lambda gaps: list(accumulate(gaps))))
def test_the_sliding_peak_equals_a_brute_force_count(arrivals_us: list[int]) -> None:
    sliding = SlidingPeak()
    for arrival_us in arrivals_us:
        sliding.add(arrival_us)
    assert sliding.peak == brute_force_peak(arrivals_us)


@pytest.mark.parametrize(
    ("arrivals_us", "peak"),
    [
        ([], 0),
        ([7], 1),
        ([0, S], 1),
        ([0, S - 1], 2),
        ([0, 0, 0], 3),
        ([0, 1, 2, S, S + 1], 3),
        ([900_000, 950_000, 1_050_000, 1_100_000], 4),
        ([0, 5 * S, 5 * S + 1, 20 * S], 2),
    ],
)
def test_a_window_is_half_open_and_not_bound_to_the_seconds_of_the_clock(arrivals_us: list[int], peak: int) -> None:
    sliding = SlidingPeak()
    for arrival_us in arrivals_us:
        sliding.add(arrival_us)
    assert sliding.peak == peak


def test_a_record_tallies_outcomes_and_times() -> None:
    arrivals = Arrivals()
    for now_us, outcome in [(2 * S, "200"), (2 * S + 1, "404"), (4 * S, "200"), (5 * S, "cut")]:
        arrivals.add(now_us, outcome)
    tally = arrivals.tally(epoch_offset_us=100 * S)
    assert (tally.calls, tally.peak_per_s) == (4, 2)
    assert tally.statuses == {"200": 2, "404": 1, "cut": 1}
    assert (tally.first_s, tally.last_s) == (102.0, 105.0)


def test_a_record_of_nothing_has_no_times() -> None:
    tally = Arrivals().tally()
    assert (tally.calls, tally.peak_per_s, tally.first_s, tally.last_s) == (0, 0, None, None)
