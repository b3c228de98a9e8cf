"""Push in virtual time: one text per user and key, many calls in flight."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.sends import PARTS, TENANT, World, everyone, line_user_id, users
from yomawari.adapters.line_messages_fake import Lost
from yomawari.domain.outcomes import ChannelRefused, RateLimited, Unknown
from yomawari.domain.sends import QuotaReached, SendAnswer
from yomawari.usecases.channel_access import Deferred, Refused

CHANNEL = f"{TENANT}#push"


def messages(count: int, wording: str = "summary") -> list[tuple[int, str, str]]:
    return [(user_id, line_id, f"{wording} for {user_id}") for user_id, line_id in users(count)]


def test_everyone_is_told_their_own_text() -> None:
    world = World()
    told = world.push(messages(100))
    assert sorted(told.accepted) == list(range(1, 101))
    assert world.line.texts == {line_user_id(number): [f"summary for {number}"] for number in range(1, 101)}


def test_a_thousand_take_half_a_second_within_the_limit() -> None:
    world = World()
    world.push(messages(4_000))
    arrivals = world.line.arrivals
    assert max(sum(start <= one < start + 1_000_000 for one in arrivals) for start in arrivals[::50]) <= 2_000
    assert len(arrivals) / ((arrivals[-1] - arrivals[0]) / 1e6) > 1_700


def test_a_repeat_is_accepted_and_tells_nobody_again_even_with_other_words() -> None:
    world = World()
    world.push(messages(50))
    again = world.push(messages(50, "other words"))
    assert (len(again.accepted), again.repeated) == (50, 50)
    some = world.push(messages(50)[10:20])
    assert (len(some.accepted), some.repeated) == (10, 10)
    assert all(len(texts) == 1 for texts in world.line.texts.values())


def test_a_user_who_is_named_twice_is_told_the_first_text() -> None:
    world = World()
    told = world.push([(1, line_user_id(1), "a"), (1, line_user_id(1), "b"), (2, line_user_id(1), "c")])
    assert sorted(told.accepted) == [1, 2]
    assert sorted(world.line.texts[line_user_id(1)]) == ["a", "c"]


def test_bad_ids_are_rejected_alone() -> None:
    world = World()
    world.line.bad = {line_user_id(3)}
    told = world.push([*messages(5), (6, "U6", "never sent")])
    assert sorted(told.accepted) == [1, 2, 4, 5]
    assert sorted(told.rejected) == [3, 6]
    assert all(len(to) == 1 and to[0].startswith("U0") for to in world.line.recipients)


@pytest.mark.parametrize(("bad", "level"), [(5, "ERROR"), (4, "WARNING"), (0, None)])
def test_rejections_are_logged_with_their_tenant_and_a_wave_of_them_as_an_error(
    caplog: pytest.LogCaptureFixture, bad: int, level: str | None
) -> None:
    world = World()
    world.line.bad = {line_user_id(number) for number in range(1, bad + 1)}
    world.push(messages(20))
    said = [(one.levelname, one.message, vars(one)) for one in caplog.records]
    assert [one[:2] for one in said] == ([(level, "people rejected")] if level else [])
    for _, _, extra in said:
        keys = {name: extra[name] for name in ("tenant_id", "about", "rejected", "accepted")}
        assert keys == {"tenant_id": TENANT, "about": PARTS, "rejected": bad, "accepted": 20 - bad}


def test_lost_answers_are_repeated_with_the_same_key() -> None:
    world = World(lambda _token, _key, call: Lost() if call <= 40 else None)
    told = world.push(messages(200))
    assert (len(told.accepted), told.repeated) == (200, 40)
    assert all(len(texts) == 1 for texts in world.line.texts.values())


def test_the_monthly_limit_half_way_through() -> None:
    world = World()
    world.line.quota = 500
    told = world.push(messages(1_000))
    assert (len(told.accepted), len(told.unsent), told.stopped) == (500, 500, Refused("quota_reached"))
    assert world.gate.gates[CHANNEL].closed_reason == "quota_reached"


def test_an_outage() -> None:
    told = World(lambda *_: Unknown("HTTP 503")).push(messages(2_000))
    assert told.stopped == Deferred(60, "LINE does not answer")
    assert told.calls < 700
    assert everyone(told) == list(range(1, 2_001))


def test_of_many_chunks_of_a_channel_a_worker_keeps_a_few() -> None:
    world = World()
    use = world.pushing()

    async def batch() -> list[Any]:
        deadline_us = world.now_us + 60_000_000
        sends = (use.push_all(TENANT, None, messages(100), ("day", k), deadline_us) for k in range(5))
        return await asyncio.gather(*sends)

    told = world.visit(batch())
    assert [len(one.accepted) for one in told] == [100, 100, 100, 0, 0]
    assert all(isinstance(one.stopped, Deferred) and len(one.unsent) == 100 for one in told[3:])


TROUBLES: list[SendAnswer | Lost | None] = [
    *[None] * 6,
    Unknown("HTTP 500"),
    Lost(),
    RateLimited(),
    ChannelRefused("forbidden"),
    QuotaReached(),
]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_everyone_is_in_one_place_and_nobody_is_told_twice_whatever_line_answers(data: Any) -> None:
    pool = data.draw(st.lists(st.sampled_from(TROUBLES), min_size=1, max_size=6))
    random = data.draw(st.randoms(use_true_random=False))
    world = World(lambda *_: random.choice(pool))
    count = data.draw(st.integers(1, 200))
    for visit in (1, 2):
        told = world.push(messages(count, f"visit {visit}"), within_s=data.draw(st.floats(0.05, 30)))
        assert everyone(told) == list(range(1, count + 1))
        assert all(len(world.line.texts[line_user_id(number)]) == 1 for number in told.accepted)
        assert visit == 2 or not any(world.line.texts.get(line_user_id(number)) for number in told.unsent)
        world.gate.gates.clear()
    assert all(len(texts) == 1 for texts in world.line.texts.values())


@pytest.mark.parametrize("reason", ["unauthorized", "forbidden"])
def test_push_and_multicast_have_gates_of_their_own(reason: str) -> None:
    world = World(lambda *_: ChannelRefused(reason))
    world.push(messages(3))
    assert set(world.gate.gates) == {CHANNEL}
