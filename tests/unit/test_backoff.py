"""How long is waited before asking again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yomawari.domain.backoff import Attempts, full_jitter_us, hidden_s, penalty_us
from yomawari.usecases.asking import RETRY_BASE_US, RETRY_CAP_US

SHARE = st.floats(0, 1, exclude_max=True)
MINUTE_S = 60


@pytest.mark.parametrize(("tries", "ceiling_us"), [(1, 100), (2, 200), (3, 400), (4, 500), (40, 500)])
def test_the_wait_is_any_share_of_a_ceiling_that_doubles_up_to_its_cap(tries: int, ceiling_us: int) -> None:
    assert full_jitter_us(tries, 100, 500, 0.0) == 0
    assert full_jitter_us(tries, 100, 500, 0.5) == ceiling_us // 2
    assert ceiling_us - 2 <= full_jitter_us(tries, 100, 500, 0.999999) < ceiling_us


def test_a_file_is_tried_again_after_a_minute_and_outlives_an_outage_of_an_hour() -> None:
    waits_s = [hidden_s(receives) for receives in range(1, 6)]
    assert waits_s == [60, 240, 960, 3_840, 0]
    assert sum(waits_s[:4]) > 60 * MINUTE_S


@given(st.integers(1, 60), SHARE)
def test_no_retry_waits_longer_than_its_cap(tries: int, share: float) -> None:
    assert 0 <= full_jitter_us(tries, RETRY_BASE_US, RETRY_CAP_US, share) < RETRY_CAP_US


@pytest.mark.parametrize(
    ("attempt", "share", "delay_s"),
    [
        (1, 0.0, 10),
        (1, 0.5, 15),
        (1, 0.99, 19),
        (2, 0.0, 20),
        (3, 0.0, 40),
        (4, 0.0, 80),
        (5, 0.0, 150),
        (9, 0.99, 298),
    ],
)
def test_a_chunk_comes_again_after_half_of_its_ceiling_or_more(attempt: int, share: float, delay_s: int) -> None:
    assert Attempts().delay_s(attempt, share) == delay_s


@given(st.integers(1, 5), st.integers(0, 100), st.integers(1, 900), SHARE)
def test_a_redelivery_lies_between_half_of_its_ceiling_and_the_ceiling(
    attempt: int, base_s: int, cap_s: int, share: float
) -> None:
    ceiling_s = min(cap_s, base_s << (attempt - 1))
    assert ceiling_s // 2 <= Attempts(5, base_s, cap_s).delay_s(attempt, share) <= ceiling_s


def test_all_attempts_together_outlive_an_outage_of_a_minute() -> None:
    attempts = Attempts()
    waits_s = [attempts.delay_s(attempt, 0.0) for attempt in range(1, attempts.most)]
    assert sum(waits_s) >= 2 * MINUTE_S
    assert max(waits_s) <= 900


@pytest.mark.parametrize(
    ("previous_us", "ended_us", "now_us", "expected_us"),
    [
        (0, 0, 5_000, 10),  # never before
        (10, 4_990, 5_000, 20),  # a moment ago
        (20, 4_990, 5_000, 40),
        (80, 4_990, 5_000, 100),  # at its cap
        (100, 4_990, 5_000, 100),
        (80, 4_901, 5_000, 100),  # just less than a cap ago
        (80, 4_900, 5_000, 10),  # long enough ago to be forgotten
    ],
)
def test_a_penalty_doubles_while_the_last_one_is_recent(
    previous_us: int, ended_us: int, now_us: int, expected_us: int
) -> None:
    assert penalty_us(previous_us, ended_us, now_us, base_us=10, cap_us=100) == expected_us
