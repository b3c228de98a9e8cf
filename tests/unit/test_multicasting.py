"""Multicast in virtual time: every user ends in exactly one list, and nobody is told twice."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.sends import TENANT, World, everyone, line_user_id, users
from yomawari.adapters.line_messages_fake import Lost
from yomawari.adapters.ssm_fake import TokensFake
from yomawari.domain.gate import Closed, Gate
from yomawari.domain.outcomes import ChannelRefused, RateLimited, Unknown
from yomawari.domain.sends import BadMessage, BadRecipients, QuotaReached, SendAnswer
from yomawari.usecases.channel_access import Deferred, Refused
from yomawari.usecases.ports import Unavailable

CHANNEL = f"{TENANT}#multicast"


def told_counts(world: World) -> set[int]:
    return {len(texts) for texts in world.line.texts.values()}


def first_calls(count: int, trouble: SendAnswer | Lost) -> Any:
    return lambda _token, _key, call: trouble if call <= count else None


def test_1200_people_are_told_by_three_calls() -> None:
    world = World()
    told = world.multicast(users(1_200))
    assert sorted(told.accepted) == list(range(1, 1_201))
    assert (told.calls, told.stopped, told.reason) == (3, None, None)
    assert [len(to) for to in world.line.recipients] == [500, 500, 200]
    assert told_counts(world) == {1}
    assert world.gate.permits == 3


def test_nobody_to_tell_is_no_call() -> None:
    world = World()
    assert everyone(world.multicast([])) == []
    assert not world.line.calls


def test_what_is_no_line_user_id_is_never_sent() -> None:
    world = World()
    told = world.multicast([*users(2), (3, "U3"), (4, ""), (5, line_user_id(5).lower())])
    assert told.accepted == [1, 2]
    assert told.rejected == [3, 4, 5]
    assert world.line.recipients == [(line_user_id(1), line_user_id(2))]


def test_two_users_of_one_account_are_told_once() -> None:
    world = World()
    told = world.multicast([(1, line_user_id(9)), (2, line_user_id(9)), (2, line_user_id(9))])
    assert told.accepted == [1, 2]
    assert world.line.texts == {line_user_id(9): ["hello"]}


@pytest.mark.parametrize("names_recipients", [True, False])
@pytest.mark.parametrize("bad", [{1}, {500}, {250, 251}, {3, 77, 501, 999}])
def test_bad_ids_are_dropped_and_everyone_else_is_told_once(bad: set[int], *, names_recipients: bool) -> None:
    world = World()
    world.line.names_recipients = names_recipients
    world.line.bad = {line_user_id(number) for number in bad}
    for repeated in (False, True):  # a redelivery walks the same way with the same keys
        told = world.multicast(users(1_000))
        assert set(told.rejected) == bad
        assert everyone(told) == list(range(1, 1_001))
        assert len(told.accepted) == 1_000 - len(bad)
        assert (told.repeated > 0) == repeated
    assert told_counts(world) == {1}


def test_all_bad_of_a_few_is_all_rejected() -> None:
    world = World()
    world.line.names_recipients = False
    world.line.bad = {line_user_id(number) for number in range(1, 5)}
    assert sorted(world.multicast(users(4)).rejected) == [1, 2, 3, 4]


@pytest.mark.parametrize("names_recipients", [True, False])
def test_that_line_knows_nobody_is_not_believed(*, names_recipients: bool) -> None:
    """It comes again, with the same keys, and becomes a dead letter in the end; nobody loses a message for it."""
    world = World()
    world.line.names_recipients = names_recipients
    world.line.bad = {line_user_id(number) for number in range(1, 9)}
    told = world.multicast([*users(8), (9, "no LINE id")])
    assert (sorted(told.unanswered), told.rejected) == (list(range(1, 9)), [9])
    assert (told.stopped, told.reason) == (None, "LINE rejects everybody")
    world.line.bad = set()
    assert sorted(world.multicast(users(8)).accepted) == list(range(1, 9))


def test_an_index_beyond_the_list_names_nobody() -> None:
    world = World(first_calls(1, BadRecipients((9_999,))))
    world.line.bad = {line_user_id(2)}
    told = world.multicast(users(3))
    assert (sorted(told.accepted), told.rejected) == ([1, 3], [2])


@pytest.mark.parametrize("trouble", [Unknown("HTTP 500"), Lost()])
def test_an_unanswered_call_is_repeated_with_the_same_key(trouble: Unknown | Lost) -> None:
    world = World(first_calls(2, trouble))
    told = world.multicast(users(20))
    assert len(told.accepted) == 20
    assert (told.retries, told.repeated) == (2, int(isinstance(trouble, Lost)))
    assert list(world.line.calls.values()) == [3]
    assert told_counts(world) == {1}


def test_whoever_stays_unanswered_is_told_so_and_accepted_by_a_later_repeat() -> None:
    world = World(first_calls(4, Lost()))
    told = world.multicast(users(20))
    assert told.unanswered == list(range(1, 21))
    assert (told.unsent, told.stopped, told.reason) == ([], None, "no answer: lost")
    again = world.multicast(users(20))
    assert len(again.accepted) == 20
    assert again.repeated == 1
    assert told_counts(world) == {1}


def test_an_outage_stops_the_send_and_leaves_the_rest_untouched() -> None:
    world = World(lambda *_: Unknown("HTTP 503"))
    told = world.multicast(users(500 * 100))
    assert told.stopped == Deferred(60, "LINE does not answer")
    assert told.calls < 70
    assert len(told.unsent) > 30_000
    assert everyone(told) == list(range(1, 50_001))


def test_a_rate_429_closes_the_gate_and_everyone_is_told_when_it_opens() -> None:
    world = World(first_calls(3, RateLimited()))
    told = world.multicast(users(2_000))
    assert len(told.accepted) == 2_000
    assert told.rate_limited == 3
    assert world.gate.penalties_us[CHANNEL] == 1_000_000
    assert told_counts(world) == {1}


def test_a_storm_of_429s_defers_everyone() -> None:
    told = World(lambda *_: RateLimited()).multicast(users(2_000))
    assert len(told.unsent) == 2_000
    assert isinstance(told.stopped, Deferred)
    assert told.stopped.reason == "rate_limited"
    assert told.stopped.delay_s > 5


def test_the_monthly_limit_stops_the_channel_for_every_worker() -> None:
    world = World()
    world.line.quota = 1_100
    told = world.multicast(users(2_000))
    assert len(told.accepted) == 1_000
    assert len(told.unsent) == 1_000
    assert told.stopped == Refused("quota_reached")
    assert world.gate.gates[CHANNEL].closed_reason == "quota_reached"
    calls = world.line.calls.total()
    assert calls <= 4
    later = world.multicast(users(10), "another")
    assert (later.unsent, later.stopped) == (list(range(1, 11)), Refused("quota_reached"))
    assert world.line.calls.total() == calls


@pytest.mark.parametrize("left", [None, 10])
def test_a_quota_that_is_only_reserved_closes_nothing(left: int | None) -> None:
    """Another delivery is under way, for which LINE keeps what is left."""
    world = World(first_calls(1, QuotaReached()))
    world.line.quota = left
    told = world.multicast(users(10))
    assert (told.unsent, told.stopped) == (list(range(1, 11)), Deferred(300, "the month's quota is reserved"))
    assert not world.gate.gates[CHANNEL].closed_reason
    assert world.multicast(users(10)).accepted == list(range(1, 11))


@pytest.mark.parametrize(
    ("away", "reason"), [("quota", "the month's quota is unknown"), ("gate", "the gate is unavailable")]
)
def test_a_channel_is_not_given_up_while_nobody_can_say_or_hear_so(away: str, reason: str) -> None:
    world = World(first_calls(1, QuotaReached()))
    world.line.quota = 3

    async def quota_left(_token: str) -> int | None:
        if away == "quota":
            raise Unavailable("LINE")
        world.gate.is_down = True
        return 3

    world.line.quota_left = quota_left  # type: ignore[assignment,method-assign]
    stopped = world.multicast(users(10)).stopped
    assert isinstance(stopped, Deferred)
    assert stopped.reason == reason


def test_a_channel_with_a_lower_rate_is_sent_to_at_that_rate() -> None:
    world = World(rate_per_s=20)
    world.multicast(users(500 * 60))
    arrivals = world.line.arrivals
    assert max(sum(start <= one < start + 1_000_000 for one in arrivals) for start in arrivals) <= 21
    assert (arrivals[-1] - arrivals[0]) / 1e6 > 2.9


def test_a_channels_rate_never_lifts_the_endpoints() -> None:
    world = World(rate_per_s=2_000)
    world.multicast(users(500 * 400))
    arrivals = world.line.arrivals
    assert max(sum(start <= one < start + 1_000_000 for one in arrivals) for start in arrivals) <= 200


def test_a_message_that_line_does_not_take_is_not_bisected() -> None:
    world = World(lambda *_: BadMessage("400 messages[0].text"))
    told = world.multicast(users(500))
    assert told.stopped == Refused("bad message: 400 messages[0].text")
    assert (len(told.unsent), told.calls) == (500, 1)


@pytest.mark.parametrize("reason", ["unauthorized", "forbidden"])
def test_a_refused_channel_is_closed_for_every_worker(reason: str) -> None:
    world = World(lambda *_: ChannelRefused(reason))
    assert world.multicast(users(3)).stopped == Refused(reason)
    assert world.tokens.forgotten == [TENANT]
    calls = world.line.calls.total()
    assert world.multicast(users(3)).stopped == Refused(reason)
    assert world.line.calls.total() == calls


class RenewedTokens(TokensFake):
    def forget(self, tenant_id: int) -> None:
        super().forget(tenant_id)
        self.tokens[tenant_id] = "new"


def test_a_renewed_token_is_used_before_the_channel_is_given_up() -> None:
    world = World(
        lambda token, *_: None if token == "new" else ChannelRefused("unauthorized"),
        tokens=RenewedTokens({TENANT: "old"}),
    )
    told = world.multicast(users(1_500))
    assert (len(told.accepted), told.stopped) == (1_500, None)


def test_a_tenant_without_a_token() -> None:
    told = World(tokens=TokensFake({})).multicast(users(3))
    assert (told.unsent, told.stopped, told.calls) == ([1, 2, 3], Refused("no token"), 0)


def test_tokens_that_cannot_be_read_fail_the_visit_before_anything_is_sent() -> None:
    world = World()
    world.tokens.is_away = True
    with pytest.raises(Unavailable):
        world.multicast(users(3))
    assert not world.line.calls


def test_no_call_goes_out_while_the_gate_cannot_be_asked() -> None:
    world = World()
    world.gate.is_down = True
    told = world.multicast(users(3))
    assert told.stopped == Deferred(30, "the gate is unavailable")
    assert (told.unsent, told.calls) == ([1, 2, 3], 0)


def test_a_channel_booked_far_ahead_is_not_waited_for() -> None:
    world = World()
    world.gate.gates[CHANNEL] = Gate(tat_us=world.now_us + 60_000_000)
    assert world.multicast(users(3)).stopped == Deferred(57, "the channel is booked")


def test_a_channel_that_opens_soon_is_waited_for() -> None:
    world = World()
    world.gate.gates[CHANNEL] = Gate(0, world.now_us + 2_000_000, "rate_limited")
    assert len(world.multicast(users(3)).accepted) == 3


def test_a_channel_closed_for_a_reason_of_no_hurry_defers() -> None:
    world = World()
    world.gate.gates[CHANNEL] = Gate(0, world.now_us + 7_200_000_000, "rate_limited")
    assert world.multicast(users(3)).stopped == Deferred(900, "rate_limited")


def test_what_is_left_at_the_deadline_is_unsent() -> None:
    told = World().multicast(users(500 * 188), within_s=0.3)
    assert told.stopped == Deferred(0, "out of time")
    assert 0 < len(told.unsent) < 500 * 188
    assert everyone(told) == list(range(1, 500 * 188 + 1))


def test_the_pace_stays_under_200_calls_a_second_and_near_it() -> None:
    world = World()
    told = world.multicast(users(500 * 400))
    arrivals = world.line.arrivals
    assert len(told.accepted) == 200_000
    assert max(sum(start <= one < start + 1_000_000 for one in arrivals) for start in arrivals) <= 200
    assert (arrivals[-1] - arrivals[0]) / 1e6 < 400 / 180


def test_an_error_that_nobody_foresaw_is_not_swallowed() -> None:
    def broken(_token: str, _key: UUID, call: int) -> None:
        if call == 2:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        World(broken).multicast(users(5_000))


def test_a_gate_that_closes_while_a_send_waits_is_heeded() -> None:
    world = World()
    closed = Closed(world.now_us + 60_000_000, "forbidden")
    world.gate.gates[CHANNEL] = Gate(0, closed.until_us, closed.reason)
    assert world.multicast(users(3)).stopped == Refused("forbidden")


TROUBLES: list[SendAnswer | Lost | None] = [
    None,
    Unknown("HTTP 500"),
    Lost(),
    RateLimited(),
    ChannelRefused("forbidden"),
    QuotaReached(),
]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_everyone_is_in_one_place_and_nobody_is_told_twice_whatever_line_answers(data: Any) -> None:
    weights = data.draw(st.lists(st.integers(0, 3), min_size=len(TROUBLES), max_size=len(TROUBLES)))
    pool = [trouble for trouble, weight in zip(TROUBLES, weights, strict=True) for _ in range(weight)] or TROUBLES
    random = data.draw(st.randoms(use_true_random=False))
    world = World(lambda *_: random.choice(pool))
    count = data.draw(st.integers(1, 1_300))
    bad = data.draw(st.sets(st.integers(1, count), max_size=5))
    world.line.bad = {line_user_id(number) for number in bad}
    world.line.names_recipients = data.draw(st.booleans())
    for visit in (1, 2):
        told = world.multicast(users(count), within_s=data.draw(st.floats(0.05, 30)))
        assert everyone(told) == list(range(1, count + 1))
        assert set(told.rejected) <= bad
        assert told.stopped is not None or not told.unsent
        assert all(world.line.texts[line_user_id(number)] == ["hello"] for number in told.accepted)
        assert visit == 2 or not any(world.line.texts.get(line_user_id(number)) for number in told.unsent)
        world.gate.gates.clear()
    assert all(len(texts) == 1 for texts in world.line.texts.values())
