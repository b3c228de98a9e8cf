import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.line_double.buckets import TokenBucket

S = 1_000_000


def test_it_starts_full_and_refuses_when_empty() -> None:
    bucket = TokenBucket(limit_per_s=2000, capacity_calls=3, now_us=5)
    assert [bucket.take(5) for _ in range(5)] == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("elapsed_us", "granted"),
    [(0, 0), (499, 0), (500, 1), (999, 1), (1_000, 2), (1_000_000, 10), (3_600 * S, 10)],
)
def test_it_refills_gradually_up_to_its_capacity(elapsed_us: int, granted: int) -> None:
    bucket = TokenBucket(limit_per_s=2000, capacity_calls=10, now_us=0)
    while bucket.take(0):
        pass
    assert sum(bucket.take(elapsed_us) for _ in range(20)) == granted


def test_a_clock_that_steps_back_refills_nothing_and_takes_nothing() -> None:
    bucket = TokenBucket(limit_per_s=1, capacity_calls=1, now_us=10 * S)
    assert bucket.take(10 * S)
    assert not bucket.take(9 * S)
    assert not bucket.take(int(10.9 * S))
    assert bucket.take(11 * S)


@given(
    st.integers(1, 3000),
    st.integers(1, 50),
    st.lists(st.integers(0, 50_000), min_size=1, max_size=200),
)
def test_any_stretch_of_time_gets_at_most_the_capacity_and_what_was_refilled(
    limit_per_s: int, capacity: int, gaps_us: list[int]
) -> None:
    bucket = TokenBucket(limit_per_s, capacity, 0)
    now_us = 0
    granted_us = []
    for gap_us in gaps_us:
        now_us += gap_us
        if bucket.take(now_us):
            granted_us.append(now_us)
    for first, start_us in enumerate(granted_us):
        for last in range(first, len(granted_us)):
            most = capacity + (granted_us[last] - start_us) * limit_per_s / S
            assert last - first + 1 <= most


@given(st.integers(1, 3000), st.integers(1, 50))
def test_whoever_keeps_to_the_limit_is_never_refused(limit_per_s: int, capacity: int) -> None:
    bucket = TokenBucket(limit_per_s, capacity, 0)
    interval_us = -(-S // limit_per_s)
    assert all(bucket.take(call * interval_us) for call in range(300))


@pytest.mark.parametrize(("limit_per_s", "capacity"), [(-1, 1), (1, 0)])
def test_a_bucket_that_cannot_be_is_refused(limit_per_s: int, capacity: int) -> None:
    with pytest.raises(ValueError, match="capacity"):
        TokenBucket(limit_per_s, capacity, 0)
