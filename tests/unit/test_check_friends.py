"""One chunk through the use case, in virtual time: every job seeker ends in exactly one place."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.virtual_time import VirtualTimeLoop, run
from yomawari.adapters.gate_fake import GateFake
from yomawari.adapters.line_fake import ProfilesFake
from yomawari.adapters.sqs_fake import AsyncQueueFake
from yomawari.adapters.ssm_fake import TokensFake
from yomawari.domain.gate import Ahead, Closed, Gate, Leased
from yomawari.domain.outcomes import Answer, ChannelRefused, Friend, InvalidId, NotFriend, RateLimited, Unknown
from yomawari.messages import CheckResults, FriendCheckChunk
from yomawari.usecases.check_friends import CheckFriends
from yomawari.usecases.checking import Checked
from yomawari.usecases.ports import Unavailable

RUN_ID, TENANT = 202611220200, 7


def line_user_id(number: int) -> str:
    return f"U{number:032x}"


def chunk(seekers: int, attempt: int = 1) -> FriendCheckChunk:
    pairs = [(number, line_user_id(number)) for number in range(1, seekers + 1)]
    return FriendCheckChunk(run_id=RUN_ID, tenant_id=TENANT, chunk=0, attempt=attempt, seekers=pairs)


@dataclass
class World:
    """Everything around the use case, and what it sent."""

    answer: Callable[[str, str, int], Answer]
    tokens: dict[int, str] = field(default_factory=lambda: {TENANT: "t"})
    loop: VirtualTimeLoop = field(default_factory=VirtualTimeLoop)
    gate: GateFake = field(default_factory=GateFake)
    checks: AsyncQueueFake = field(default_factory=AsyncQueueFake)
    dead: AsyncQueueFake = field(default_factory=AsyncQueueFake)
    writes: AsyncQueueFake = field(default_factory=AsyncQueueFake)

    def check(self, chunk: FriendCheckChunk, within_s: float = 60) -> Checked:
        return self.check_all([chunk], within_s)[0]

    def check_all(self, chunks: list[FriendCheckChunk], within_s: float = 60) -> list[Checked]:
        self.profiles = ProfilesFake(self.answer)
        self.ssm = TokensFake(self.tokens)
        check = CheckFriends(
            gate=self.gate,
            profiles=self.profiles,
            tokens=self.ssm,
            checks=self.checks,
            dead_letters=self.dead,
            writes=self.writes,
            clock=self.loop.now_us,
            random=lambda: 0.5,
        )
        deadline_us = self.loop.now_us() + int(within_s * 1e6)

        async def batch() -> list[Checked]:
            return await asyncio.gather(*(check(chunk, deadline_us) for chunk in chunks))

        return run(batch(), self.loop)

    @property
    def results(self) -> CheckResults:
        (message,) = self.writes.sent
        return CheckResults.model_validate_json(message.body)

    def chunks(self, queue: AsyncQueueFake) -> list[FriendCheckChunk]:
        return [FriendCheckChunk.model_validate_json(message.body) for message in queue.sent]

    def where_everyone_is(self) -> list[int]:
        settled = [
            seeker
            for message in self.writes.sent
            for outcome in ("friend", "not_friend", "invalid", "failed")
            for seeker in json.loads(message.body)[outcome]
        ]
        return sorted(settled + [seeker[0] for later in self.chunks(self.checks) for seeker in later.seekers])


def friends_are_even(_token: str, line_id: str, _call: int) -> Answer:
    return Friend() if int(line_id[1:], 16) % 2 == 0 else NotFriend()


def test_every_answer_is_handed_to_the_writer() -> None:
    world = World(friends_are_even)
    checked = world.check(chunk(1_000))
    assert sorted(world.results.friend) == list(range(2, 1_001, 2))
    assert sorted(world.results.not_friend) == list(range(1, 1_001, 2))
    assert (checked.friends, checked.not_friends, checked.calls, checked.retries) == (500, 500, 1_000, 0)
    assert not world.checks.sent
    assert not world.dead.sent


def test_an_id_that_cannot_be_one_is_settled_without_asking() -> None:
    world = World(friends_are_even)
    bad = [(11, "U123"), (12, line_user_id(12).upper()), (13, "")]
    world.check(chunk(2).model_copy(update={"seekers": [(2, line_user_id(2)), *bad]}))
    assert world.results.invalid == [11, 12, 13]
    assert list(world.profiles.calls) == [line_user_id(2)]


def test_an_id_that_line_calls_invalid_is_settled_as_invalid() -> None:
    world = World(lambda *_: InvalidId())
    world.check(chunk(3))
    assert sorted(world.results.invalid) == [1, 2, 3]


def test_an_unanswered_call_is_tried_again() -> None:
    world = World(lambda _token, _id, call: Unknown("HTTP 500") if call < 3 else Friend())
    checked = world.check(chunk(20))
    assert len(world.results.friend) == 20
    assert checked.retries == 40
    assert not world.checks.sent


def test_whoever_stays_unanswered_comes_back_in_a_smaller_chunk_after_a_delay() -> None:
    world = World(lambda _token, line_id, _call: Unknown("HTTP 503") if line_id.endswith("5") else Friend())
    world.check(chunk(20))
    assert sorted(world.results.friend) == [number for number in range(1, 21) if number % 16 != 5]
    (again,) = world.chunks(world.checks)
    assert [seeker[0] for seeker in again.seekers] == [5]
    assert again.attempt == 2
    assert world.checks.sent[0].delay_s == 15
    assert world.checks.sent[0].group == str(TENANT)


def test_after_the_last_attempt_they_fail_into_the_dead_letter_queue_ready_to_be_redriven() -> None:
    world = World(lambda _token, line_id, _call: Unknown("HTTP 503") if line_id.endswith("5") else Friend())
    checked = world.check(chunk(20, attempt=5))
    (dead,) = world.chunks(world.dead)
    assert [seeker[0] for seeker in dead.seekers] == [5]
    assert (dead.attempt, dead.reason) == (1, "HTTP 503")
    assert world.dead.sent[0].attributes == {"reason": "HTTP 503"}
    assert world.results.failed == [5]
    assert world.results.reason == "HTTP 503"
    assert checked.failed == 1


def test_an_outage_stops_the_chunk_before_everyone_has_been_asked() -> None:
    world = World(lambda *_: Unknown("no answer"))
    checked = world.check(chunk(1_000))
    assert not world.writes.sent
    assert checked.calls < 500
    assert world.where_everyone_is() == list(range(1, 1_001))
    (again,) = world.chunks(world.checks)
    assert again.attempt == 2


def test_a_429_closes_the_channel_and_everyone_is_asked_when_it_opens() -> None:
    opened: list[bool] = []

    def answer(_token: str, _id: str, _call: int) -> Answer:
        opened.append(world.loop.now_us() > closed_until_us)
        return Friend() if opened[-1] else RateLimited()

    world = World(answer)
    closed_until_us = world.loop.now_us() + 200_000
    checked = world.check(chunk(1_000))
    assert len(world.results.friend) == 1_000
    assert checked.rate_limited == opened.count(False)
    assert not world.checks.sent
    assert world.gate.penalties_us["7#profile"] == 1_000_000


def test_a_429_storm_defers_the_chunk_without_counting_an_attempt() -> None:
    world = World(lambda *_: RateLimited())
    checked = world.check(chunk(1_000))
    (deferred,) = world.chunks(world.checks)
    assert deferred == chunk(1_000).model_copy(update={"seekers": deferred.seekers})
    assert len(deferred.seekers) == 1_000
    assert world.checks.sent[0].delay_s > 5
    assert (checked.deferred, checked.failed, checked.reason) == (1_000, 0, "rate_limited")
    assert not world.writes.sent


def test_a_chunk_of_a_channel_booked_far_ahead_is_given_back_until_then() -> None:
    world = World(friends_are_even)
    world.gate.gates["7#profile"] = Gate(tat_us=world.loop.now_us() + 60_000_000)
    checked = world.check(chunk(10))
    assert not world.profiles.calls
    assert (checked.deferred, checked.reason) == (10, "the channel is booked")
    assert world.checks.sent[0].delay_s == 57


class BookedGate(GateFake):
    """Other workers take every slot up to the horizon."""

    async def lease(
        self, channel: str, permits: int, interval_us: int, now_us: int, horizon_us: int
    ) -> Leased | Ahead | Closed:
        self.gates[channel] = Gate(tat_us=now_us + horizon_us + 100_000)
        return await super().lease(channel, permits, interval_us, now_us, horizon_us)


def test_a_chunk_of_a_channel_that_stays_booked_is_given_back_for_a_while() -> None:
    world = World(friends_are_even, gate=BookedGate())
    checked = world.check(chunk(10))
    assert not world.profiles.calls
    assert (checked.deferred, checked.reason) == (10, "the channel is booked")
    assert world.checks.sent[0].delay_s == 10
    assert world.gate.leases == 3


@pytest.mark.parametrize("reason", ["unauthorized", "forbidden"])
def test_a_refused_channel_is_closed_and_its_job_seekers_fail_unjudged(reason: str) -> None:
    world = World(lambda *_: ChannelRefused(reason))
    world.check(chunk(1_000))
    assert world.results.closed == reason
    assert sorted(world.results.failed) == list(range(1, 1_001))
    assert world.gate.gates["7#profile"].closed_reason == reason
    (dead,) = world.chunks(world.dead)
    assert dead.reason == reason


def test_a_channel_closed_by_another_worker_is_not_asked_at_all() -> None:
    world = World(lambda *_: ChannelRefused("unauthorized"))
    world.check(chunk(10))
    later = World(friends_are_even, gate=world.gate)
    later.check(chunk(10))
    assert not later.profiles.calls
    assert later.results.closed == "unauthorized"


def test_a_renewed_token_is_used_before_the_channel_is_given_up() -> None:
    world = World(lambda token, _id, _call: Friend() if token == "new" else ChannelRefused("unauthorized"))
    original = TokensFake.forget

    def renewed(self: TokensFake, tenant_id: int) -> None:
        original(self, tenant_id)
        self.tokens[tenant_id] = "new"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TokensFake, "forget", renewed)
        world.check(chunk(100))
    assert len(world.results.friend) == 100
    assert world.results.closed is None


def test_a_tenant_without_a_token_fails_unasked() -> None:
    world = World(friends_are_even, tokens={})
    world.check(chunk(10))
    assert world.results.closed == "no token"
    assert not world.profiles.calls


def test_no_call_goes_out_while_the_gate_cannot_be_asked() -> None:
    world = World(friends_are_even)
    world.gate.is_down = True
    checked = world.check(chunk(10))
    assert not world.profiles.calls
    assert checked.deferred == 10
    assert world.checks.sent[0].delay_s == 30


def test_what_is_left_at_the_deadline_goes_back_at_once() -> None:
    world = World(friends_are_even)
    checked = world.check(chunk(1_000), within_s=0.2)
    assert 0 < checked.deferred < 1_000
    assert world.where_everyone_is() == list(range(1, 1_001))
    assert world.checks.sent[0].delay_s == 0


def test_a_writer_queue_that_is_away_fails_the_message_and_nothing_else_is_sent() -> None:
    world = World(friends_are_even)
    world.writes.failures.append(Unavailable("SQS"))
    with pytest.raises(Unavailable):
        world.check(chunk(10))
    assert not world.checks.sent
    assert not world.dead.sent


ANSWERS: list[Answer] = [
    Friend(),
    NotFriend(),
    InvalidId(),
    RateLimited(),
    Unknown("HTTP 500"),
    ChannelRefused("forbidden"),
]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_everyone_is_in_exactly_one_place_whatever_line_answers(data: Any) -> None:
    weights = data.draw(st.lists(st.integers(0, 3), min_size=6, max_size=6))
    pool = [answer for answer, weight in zip(ANSWERS, weights, strict=True) for _ in range(weight)] or ANSWERS
    random = data.draw(st.randoms(use_true_random=False))
    world = World(lambda *_: random.choice(pool))
    seekers = data.draw(st.integers(1, 300))
    world.check(chunk(seekers, attempt=data.draw(st.integers(1, 5))), within_s=data.draw(st.floats(0.05, 30)))
    assert world.where_everyone_is() == list(range(1, seekers + 1))


def test_of_many_chunks_of_one_channel_a_worker_keeps_a_few_and_gives_the_others_back() -> None:
    world = World(friends_are_even)
    chunks = [chunk(100).model_copy(update={"chunk": k}) for k in range(10)]
    world.check_all(chunks)
    assert len(world.writes.sent) == 3
    assert len(world.checks.sent) == 7
    assert all(1 <= message.delay_s <= 5 for message in world.checks.sent)
