"""send_summaries in virtual time: everybody gets one summary a day, whatever comes twice, late or not at all."""

from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.motivation_world import MotivationWorld
from tests.support.motivations import DAY, line_id
from tests.support.sends import World
from yomawari.adapters.line_messages_fake import Lost
from yomawari.domain.deliveries import Claim
from yomawari.domain.motivations import Language
from yomawari.domain.outcomes import ChannelRefused, RateLimited, Unknown
from yomawari.domain.sends import QuotaReached, SendAnswer
from yomawari.messages import SummaryChange, SummaryChunk, SummaryRecipient
from yomawari.usecases.follow_up import Sent
from yomawari.usecases.ports import Unavailable

CHANGES = [
    SummaryChange(kind="job_change", name="佐藤 花子", motivation="active"),
    SummaryChange(kind="side_job", name="Lee", motivation="open"),
]


def chunk(
    *user_ids: int, tenant_id: int = 1, language: Language = "ja", moved: bool = False, **fields: Any
) -> SummaryChunk:
    """`moved` people have been given another LINE id meanwhile."""
    first = tenant_id * 1_000 + moved * 500
    recipients = [
        SummaryRecipient(user_id=one, line_user_id=line_id(first + one), changes=CHANGES, total=3) for one in user_ids
    ]
    return SummaryChunk(day=DAY, tenant_id=tenant_id, language=language, chunk=0, recipients=recipients, **fields)


def came_back(world: MotivationWorld) -> list[SummaryChunk]:
    return [SummaryChunk.model_validate_json(message.body) for message in world.queue.sent]


def given_up(world: MotivationWorld) -> list[tuple[list[int], str | None]]:
    chunks = [SummaryChunk.model_validate_json(message.body) for message in world.dead.sent]
    assert [message.attributes for message in world.dead.sent] == [{"reason": one.reason} for one in chunks]
    assert all(one.attempt == 1 for one in chunks)
    return [([one.user_id for one in dead.recipients], dead.reason) for dead in chunks]


def states(world: MotivationWorld) -> dict[int, str]:
    return {user_id: claim.state for (_, user_id), claim in world.stores.claims().items()}


JAPANESE = """11月20日に意欲が変わった方(3件)
・佐藤 花子さん 転職:積極的に探している
・Leeさん 副業:よい話があれば聞きたい
ほか1件"""
ENGLISH = """Changes of motivation on 2026-11-20: 3
- 佐藤 花子, job change: actively looking
- Lee, side job: open to offers
and 1 more"""


@pytest.mark.parametrize(("language", "text"), [("ja", JAPANESE), ("en", ENGLISH)])
def test_one_message_names_all_that_they_were_told_about(language: Language, text: str) -> None:
    world = MotivationWorld()
    sent = world.send(chunk(1, 2, language=language))
    assert (sent.accepted, sent.calls) == (2, 2)
    assert world.texts() == {line_id(1_001): [text], line_id(1_002): [text]}
    assert states(world) == {1: "sent", 2: "sent"}
    assert (world.queue.sent, world.dead.sent) == ([], [])


def test_a_chunk_twice_asks_line_once() -> None:
    world = MotivationWorld()
    world.send(chunk(1, 2))
    world.later(hours=50)
    assert world.send(chunk(1, 2, 3)) == Sent(accepted=1, passed_over=2, calls=1)
    assert {len(texts) for texts in world.texts().values()} == {1}


def test_a_second_dispatch_through_another_channel_sends_nothing() -> None:
    """They blocked the first channel between the two."""
    world = MotivationWorld()
    world.send(chunk(1, 2))
    assert world.send(chunk(2, 3, tenant_id=2)) == Sent(accepted=1, passed_over=1, calls=1)
    assert set(world.texts()) == {line_id(1_001), line_id(1_002), line_id(2_003)}


@pytest.mark.parametrize("moved", [False, True])
def test_a_worker_that_dies_between_lines_answer_and_the_mark(moved: bool) -> None:
    """The people get no second one, not even through a LINE id that an import has given them since."""
    world = MotivationWorld()
    mark = world.stores.deliveries.mark

    def die(*_: Any) -> int:
        raise Unavailable("MySQL")

    world.stores.deliveries.mark = die  # type: ignore[assignment,method-assign]
    with pytest.raises(Unavailable):
        world.send(chunk(1, 2))
    world.stores.deliveries.mark = mark  # type: ignore[method-assign]
    again = world.send(chunk(1, 2, moved=moved))
    assert (again.accepted, again.repeated) == (2, 2)
    assert world.texts().keys() == {line_id(1_001), line_id(1_002)}
    assert {len(texts) for texts in world.texts().values()} == {1}
    assert states(world) == {1: "sent", 2: "sent"}


def test_a_redrive_after_a_day_asks_the_record_and_not_line() -> None:
    world = MotivationWorld(World(lambda *_: Lost()))
    world.send(chunk(1))
    world.world.line.trouble = lambda *_: None
    world.later(hours=23.6)
    calls = world.world.line.calls.total()
    assert world.send(chunk(1, 2)) == Sent(accepted=1, expired=1, calls=1)
    assert world.world.line.calls.total() == calls + 1
    assert {len(texts) for texts in world.texts().values()} == {1}


def test_the_unanswered_come_again_alone_and_are_given_up_at_last() -> None:
    world = MotivationWorld(World(lambda *_: Unknown("HTTP 503")))
    sent = world.send(chunk(1, 2))
    assert (sent.accepted, sent.again, sent.reason) == (0, 2, "HTTP 503")
    (again,) = came_back(world)
    assert (again.attempt, world.queue.sent[0].delay_s, world.queue.sent[0].group) == (2, 15, "1")
    sent = world.send(chunk(1, 2, attempt=5))
    assert (sent.failed, given_up(world)) == (2, [([1, 2], "HTTP 503")])
    world.world.line.trouble = lambda *_: None
    world.send(chunk(1, 2))
    assert states(world) == {1: "sent", 2: "sent"}


@pytest.mark.parametrize("reason", ["unauthorized", "forbidden"])
def test_a_refused_channel_is_given_up_with_the_reason(reason: str) -> None:
    world = MotivationWorld(World(lambda *_: ChannelRefused(reason)))
    assert world.send(chunk(1, 2)).failed == 2
    assert given_up(world) == [([1, 2], reason)]
    assert states(world) == {1: "claimed", 2: "claimed"}


def test_a_tenant_without_a_token_is_given_up_with_the_reason() -> None:
    world = MotivationWorld()
    world.world.tokens.tokens.clear()
    world.send(chunk(1))
    assert given_up(world) == [([1], "no token")]


def test_a_quota_reached_half_way_gives_up_those_who_have_none() -> None:
    world = MotivationWorld()
    world.world.line.quota = 120
    sent = world.send(chunk(*range(1, 301)))
    assert (sent.accepted, sent.failed, sent.quota_reached) == (120, 180, 1)
    ((missing, reason),) = given_up(world)
    assert reason == "quota_reached"
    assert {user_id for user_id, state in states(world).items() if state == "claimed"} == set(missing)
    assert len(world.texts()) == 120


def test_people_line_does_not_know_are_settled_as_such() -> None:
    world = MotivationWorld()
    world.world.line.bad = {line_id(1_001)}
    sent = world.send(chunk(1, 2))
    assert (sent.accepted, sent.rejected) == (1, 1)
    assert states(world) == {1: "rejected", 2: "sent"}
    assert world.send(chunk(1, 2)) == Sent(passed_over=2)


def test_the_deadline_leaves_the_rest_for_the_next_visit() -> None:
    world = MotivationWorld()
    sent = world.send(chunk(*range(1, 501), rate_per_s=100), within_s=1)
    assert 90 <= sent.accepted <= 110
    (rest,) = came_back(world)
    assert (len(rest.recipients), rest.attempt) == (sent.deferred, 1)
    assert sent.accepted + sent.deferred == 500


def test_a_record_that_is_away_sends_nothing() -> None:
    world = MotivationWorld()

    def away(*_: Any) -> dict[int, Claim]:
        raise Unavailable("MySQL")

    world.stores.deliveries.claim = away  # type: ignore[assignment,method-assign]
    with pytest.raises(Unavailable):
        world.send(chunk(1))
    assert world.texts() == {}


TROUBLES: list[SendAnswer | Lost | None] = [
    None,
    Unknown("HTTP 500"),
    Lost(),
    RateLimited(),
    ChannelRefused("forbidden"),
    QuotaReached(),
]
DELIVERIES = st.tuples(
    st.integers(1, 2), st.lists(st.integers(1, 9), min_size=1, unique=True), st.floats(0, 4), st.booleans()
)


@settings(max_examples=80, deadline=None)
@given(st.data(), st.lists(DELIVERIES, max_size=6))
def test_nobody_gets_two_and_nobody_is_lost(data: Any, deliveries: list[tuple[int, list[int], float, bool]]) -> None:
    """Any chunks on either channel, hours apart, to whatever LINE ids the people have then.

    With every trouble, and a record that cannot always be written.
    """
    random = data.draw(st.randoms(use_true_random=False))
    world = MotivationWorld(World(lambda *_: random.choice(TROUBLES)))
    mark = world.stores.deliveries.mark
    is_away = False

    def marking(*args: Any) -> int:
        if is_away:
            raise Unavailable("MySQL")
        return mark(*args)

    world.stores.deliveries.mark = marking  # type: ignore[assignment,method-assign]
    for tenant_id, people, hours, moved in deliveries:
        world.later(hours=hours)
        is_away = data.draw(st.booleans())
        with suppress(Unavailable):
            world.send(chunk(*people, tenant_id=tenant_id, moved=moved))
        world.world.gate.gates.clear()
    is_away = False
    world.world.line.trouble = lambda *_: None
    owners = {user_id: claim.tenant_id for (_, user_id), claim in world.stores.claims().items()}
    for tenant_id in (1, 2):
        everyone = sorted({one for of, people, _, _ in deliveries if of == tenant_id for one in people})
        if everyone:
            world.send(chunk(*everyone, tenant_id=tenant_id))
    told = Counter(divmod(int(one[1:], 16), 500) for one, texts in world.texts().items() for _ in texts)
    by_channel = Counter((half // 2, user_id) for half, user_id in told.elements())
    assert by_channel == {(owners[one], one): 1 for _, people, _, _ in deliveries for one in people}
