import pytest
from hypothesis import given
from hypothesis import strategies as st

from yomawari.domain.valve import Bounds, Losses, Valve, Verdict, decided, is_abnormal, judge, told

numbers = st.integers(0, 100_000)


@pytest.mark.parametrize(
    ("lost", "friends_before", "abnormal"),
    [
        (50, 100, False),
        (51, 1_020, False),
        (51, 1_019, True),
        (51, 0, True),
        (0, 0, False),
        (100_000, 2_000_000, False),
        (100_001, 2_000_000, True),
    ],
)
def test_abnormal_is_more_than_five_percent_and_more_than_fifty(
    lost: int, friends_before: int, *, abnormal: bool
) -> None:
    assert is_abnormal(Losses(lost, friends_before), Bounds()) is abnormal


@given(numbers, numbers, st.integers(0, 100), numbers, st.integers(1, 1_000))
def test_one_more_loss_never_makes_a_night_normal(
    lost: int, friends_before: int, percent: int, seekers: int, more: int
) -> None:
    bounds = Bounds(percent, seekers)
    if is_abnormal(Losses(lost, friends_before), bounds):
        assert is_abnormal(Losses(lost + more, friends_before), bounds)


@pytest.mark.parametrize(
    ("valve", "lost", "is_complete", "verdict"),
    [
        ("open", 10, False, "wait"),
        ("open", 10, True, "write"),
        ("open", 60, False, "hold"),
        ("open", 60, True, "hold"),
        ("held", 60, True, "wait"),
        ("released", 60, False, "write"),
        ("discarded", 1, True, "drop"),
    ],
)
def test_what_becomes_of_losses(valve: Valve, lost: int, verdict: Verdict, *, is_complete: bool) -> None:
    assert judge(valve, Losses(lost, 100), Bounds(), is_complete=is_complete) == verdict


def test_what_an_operator_decides() -> None:
    assert (decided(discard=False), decided(discard=True)) == ("released", "discarded")


@pytest.mark.parametrize(("valve", "shown"), [("open", "no token"), ("held", "1,200 of 9,000 friends lost, held")])
def test_the_reason_of_a_record(valve: Valve, shown: str) -> None:
    assert told(valve, Losses(1_200, 9_000), "no token") == shown
