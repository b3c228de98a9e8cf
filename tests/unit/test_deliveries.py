"""Whether a summary may be sent, and the whole protocol against a LINE that forgets its keys, at every crash point."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.motivations import hour
from yomawari.adapters.mysql.motivations_memory import MotivationsInMemory
from yomawari.domain.deliveries import KEY_LIFE, SAFETY, Claim, Decision, decide

DAY = date(2026, 11, 20)
CLAIMED = Claim(1, "claimed", hour(32))
SENT = Claim(1, "sent", hour(32))
REJECTED = Claim(1, "rejected", hour(32))


@pytest.mark.parametrize(
    ("claim", "tenant_id", "age", "decision"),
    [
        (CLAIMED, 1, timedelta(), "send"),
        (CLAIMED, 1, KEY_LIFE - SAFETY - timedelta(microseconds=1), "send"),
        (CLAIMED, 1, KEY_LIFE - SAFETY, "expired"),
        (CLAIMED, 1, timedelta(days=9), "expired"),
        (CLAIMED, 2, timedelta(), "elsewhere"),
        (CLAIMED, 2, timedelta(days=9), "elsewhere"),
        (SENT, 1, timedelta(), "settled"),
        (SENT, 2, timedelta(), "settled"),
        (SENT, 1, timedelta(days=9), "settled"),
        (REJECTED, 1, timedelta(), "settled"),
    ],
)
def test_decisions(claim: Claim, tenant_id: int, age: timedelta, decision: Decision) -> None:
    assert decide(claim, tenant_id, hour(32) + age) == decision


class ForgetfulLine:
    """Knows a key for 24 hours after its first request, as LINE does; keeps who got how many messages."""

    def __init__(self) -> None:
        self.accepted_at: dict[tuple[int, int], datetime] = {}
        self.delivered: dict[int, int] = {}

    def push(self, tenant_id: int, user_id: int, now: datetime) -> None:
        at = self.accepted_at.get((tenant_id, user_id))
        if at is None or now - at >= KEY_LIFE:
            self.accepted_at[tenant_id, user_id] = now
            self.delivered[user_id] = self.delivered.get(user_id, 0) + 1


CRASHES = ("before claim", "after claim", "while sending", "before mark", "never")
DELIVERIES = st.tuples(
    st.integers(1, 2), st.lists(st.integers(1, 4), min_size=1), st.sampled_from(CRASHES), st.integers(0, 40)
)


def deliver(
    store: MotivationsInMemory, line: ForgetfulLine, delivery: tuple[int, list[int], str, int], now: datetime
) -> None:
    """One delivery of a chunk, which may die at any point; it sends a while after it has claimed."""
    tenant_id, user_ids, crash, _ = delivery
    if crash == "before claim":
        return
    claims = store.claim(DAY, tenant_id, user_ids, now)
    ours = [user_id for user_id in user_ids if decide(claims[user_id], tenant_id, now) == "send"]
    if crash == "after claim":
        return
    later = now + SAFETY / 2
    for user_id in ours[: 1 if crash == "while sending" else None]:
        line.push(tenant_id, user_id, later)
    if crash == "never":
        store.mark(DAY, tenant_id, ours, "sent", later)


@settings(derandomize=True, max_examples=500)
@given(st.lists(DELIVERIES, max_size=12))
def test_nobody_gets_two_whatever_dies_and_whenever_it_comes_again(
    deliveries: list[tuple[int, list[int], str, int]],
) -> None:
    """Any chunks, on either channel, hours apart, dying anywhere; a chunk that goes through reaches all it may."""
    store, line, now = MotivationsInMemory(), ForgetfulLine(), hour(32)
    for delivery in deliveries:
        now += timedelta(hours=delivery[3])
        deliver(store, line, delivery, now)
        assert all(count == 1 for count in line.delivered.values())
    for (_, user_id), claim in store.deliveries.items():
        assert claim.state == "claimed" or user_id in line.delivered


def test_asking_the_record_is_what_keeps_a_late_redrive_from_sending_twice() -> None:
    """The same without the decision: the property above can fail."""
    line = ForgetfulLine()
    for hours in (0, 25):
        line.push(1, 1, hour(32 + hours))
    assert line.delivered == {1: 2}
