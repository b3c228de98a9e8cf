from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from yomawari.domain.gate import SECOND_US, Ahead, Closed, Gate, Leased, Permits, Slots, after, interval_us, lease

T = 500
HORIZON_US = 3 * SECOND_US


def test_an_idle_channel_starts_now() -> None:
    assert lease(Gate(tat_us=10), 100, T, now_us=1_000, horizon_us=HORIZON_US) == Leased(Slots(1_000, 100, T))


def test_a_busy_channel_starts_where_the_last_lease_ended() -> None:
    assert lease(Gate(tat_us=9_000), 100, T, now_us=1_000, horizon_us=HORIZON_US) == Leased(Slots(9_000, 100, T))


def test_a_channel_booked_past_the_horizon_says_when_to_ask_again() -> None:
    assert lease(Gate(tat_us=5_000_000), 1, T, now_us=1_000_000, horizon_us=HORIZON_US) == Ahead(2_000_000)


def test_a_closed_channel_grants_nothing_until_it_opens() -> None:
    gate = Gate(tat_us=0, closed_until_us=2_000, closed_reason="rate_limited")
    assert lease(gate, 1, T, now_us=1_999, horizon_us=HORIZON_US) == Closed(2_000, "rate_limited")
    assert isinstance(lease(gate, 1, T, now_us=2_000, horizon_us=HORIZON_US), Leased)


def test_the_interval_is_rounded_towards_slower() -> None:
    assert interval_us(1_900) == 527
    assert interval_us(2_000) == 500
    assert all(interval_us(rate) * rate >= SECOND_US for rate in range(1, 2_001))


@given(
    st.lists(st.tuples(st.integers(0, 200_000), st.integers(1, 300)), min_size=1, max_size=50),
    st.integers(1, 2_000),
)
def test_leases_never_overlap_and_never_exceed_the_rate(leases: list[tuple[int, int]], rate_per_s: int) -> None:
    gate, now_us, times = Gate(), 1_000_000, []
    for pause_us, permits in leases:
        now_us += pause_us
        decided = lease(gate, permits, interval_us(rate_per_s), now_us, HORIZON_US)
        if isinstance(decided, Leased):
            gate = after(gate, decided.slots)
            times += [decided.slots.start_us + i * decided.slots.interval_us for i in range(decided.slots.count)]
    assert times == sorted(times)
    assert all(later - earlier >= interval_us(rate_per_s) for earlier, later in pairwise(times))


def permits(tolerance_us: int = 30_000, *slots: Slots) -> Permits:
    held = Permits(tolerance_us)
    for one in slots:
        held.add(one)
    return held


def test_a_permit_is_not_used_before_its_slot() -> None:
    held = permits(30_000, Slots(1_000, 3, T))
    assert held.take(10, 999) == 0
    assert held.take(10, 1_000) == 1
    assert held.take(10, 1_999) == 1
    assert held.take(10, 2_000) == 1
    assert held.left() == 0


def test_late_permits_are_thrown_away() -> None:
    held = permits(1_000, Slots(0, 10, T))
    assert held.take(10, 3_000) == 3  # slots 2,000, 2,500 and 3,000; 0 to 1,500 are more than 1 ms late
    assert held.thrown_away == 4
    assert held.left() == 3


def test_permits_of_two_leases_are_used_in_order() -> None:
    held = permits(30_000, Slots(0, 2, T), Slots(10_000, 2, T))
    assert held.next_us() == 0
    assert held.take(10, 10_000) == 3
    assert held.next_us() == 10_500


@given(
    st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 20)), max_size=20),
    st.lists(st.tuples(st.integers(0, 20_000), st.integers(1, 30)), max_size=60),
)
def test_every_permit_used_is_due_and_not_late(leases: list[tuple[int, int]], looks: list[tuple[int, int]]) -> None:
    tolerance_us = 3_000
    held, start_us, slots = Permits(tolerance_us), 0, []
    for gap_us, count in leases:
        start_us += gap_us
        held.add(Slots(start_us, count, T))
        slots += [start_us + i * T for i in range(count)]
        start_us += count * T
    now_us, used, index = 0, 0, 0
    for pause_us, wanted in looks:
        now_us += pause_us
        while index < len(slots) and slots[index] < now_us - tolerance_us:
            index += 1
        due = len([slot for slot in slots[index:] if slot <= now_us])
        taken = held.take(wanted, now_us)
        assert taken == min(wanted, due)
        index += taken
        used += taken
    assert used + held.thrown_away + held.left() == len(slots)
