"""notify_change in virtual time: everybody is told once and recorded, whatever fails, and a repeat repeats nothing."""

from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.motivation_world import CHANGER, HISTORY, MotivationWorld
from tests.support.motivations import line_id
from tests.support.sends import World
from yomawari.adapters.line_messages_fake import Lost
from yomawari.domain.motivations import ChangerGone
from yomawari.domain.outcomes import ChannelRefused, RateLimited, Unknown
from yomawari.domain.sends import SendAnswer
from yomawari.messages import TargetsRecorded
from yomawari.usecases.follow_up import Sent
from yomawari.usecases.ports import Unavailable


def with_audience(count: int = 4, line: World | None = None) -> MotivationWorld:
    """People 1 to count are connected to the changer: the odd ones reached by tenant 1, the even ones by tenant 2."""
    world = MotivationWorld(line)
    for user_id in range(1, count + 1):
        world.people.person(user_id, 2 - user_id % 2, connected_to=CHANGER)
    return world


def outcome(world: MotivationWorld, **fields: Any) -> Sent:
    sent = world.notify(world.event(**fields))
    assert isinstance(sent, Sent)
    return sent


def test_everybody_is_told_in_their_channels_language_and_recorded() -> None:
    world = with_audience()
    sent = outcome(world)
    assert (sent.accepted, sent.calls, sent.reason) == (4, 2, None)
    texts = world.texts()
    assert texts.keys() == {line_id(1_001), line_id(1_003), line_id(2_002), line_id(2_004)}
    assert texts[line_id(1_001)] == ["person 900000さんの転職への意欲が「積極的に探している」に変わりました。"]
    assert texts[line_id(2_002)] == ['person 900000\'s motivation for a job change is now "actively looking".']
    assert world.recorded() == {1, 2, 3, 4}
    assert (world.queue.sent, world.dead.sent) == ([], [])
    assert [message.group for message in world.writes.sent] == ["1", "2"]


def test_the_same_event_again_tells_and_asks_nobody() -> None:
    world = with_audience()
    outcome(world)
    world.later(hours=30)
    world.people.person(5, 1, connected_to=CHANGER)
    assert outcome(world) == Sent()
    assert world.stores.tables.audiences == 1
    assert world.world.line.calls.total() == 2


def test_both_kinds_are_two_messages() -> None:
    world = with_audience(1)
    outcome(world)
    outcome(world, kind="side_job")
    assert [len(texts) for texts in world.texts().values()] == [2]


def test_nobody_to_tell() -> None:
    world = MotivationWorld()
    assert outcome(world) == Sent()
    assert world.writes.sent == []


def test_a_changer_who_is_gone() -> None:
    world = with_audience()
    world.stores.delete(CHANGER)
    assert world.notify() == ChangerGone()
    assert world.texts() == {}


def test_a_worker_that_dies_between_lines_answer_and_the_record() -> None:
    """The redelivery hears 409, and records."""
    world = with_audience()
    world.writes.failures = [Unavailable("SQS"), Unavailable("SQS")]
    with pytest.raises(Unavailable):
        world.notify()
    assert world.recorded() == set()
    again = outcome(world)
    assert (again.accepted, again.repeated) == (4, 2)
    assert world.recorded() == {1, 2, 3, 4}
    assert {len(texts) for texts in world.texts().values()} == {1}


def test_one_channel_that_cannot_be_recorded_does_not_stop_the_other() -> None:
    world = with_audience()
    world.writes.failures = [Unavailable("SQS")]
    with pytest.raises(Unavailable):
        world.notify()
    assert len(world.recorded()) == 2
    outcome(world)
    assert world.recorded() == {1, 2, 3, 4}


def test_who_changes_between_two_deliveries_changes_nothing() -> None:
    """Another list of recipients would have another retry key, and everybody on both would be told twice."""
    world = with_audience(40)
    world.writes.failures = [Unavailable("SQS"), Unavailable("SQS")]
    with pytest.raises(Unavailable):
        world.notify()
    world.stores.block(1_001)
    world.stores.opt_out(2)
    world.people.person(41, 1, connected_to=CHANGER)
    assert outcome(world).repeated == 2
    assert {len(texts) for texts in world.texts().values()} == {1}
    assert world.recorded() == set(range(1, 41))


@pytest.mark.parametrize("away", ["token", "gate"])
def test_what_is_away_makes_it_come_again(away: str) -> None:
    world = with_audience(1)
    if away == "token":
        world.world.tokens.is_away = True
        with pytest.raises(Unavailable):
            world.notify()
        world.world.tokens.is_away = False
    else:
        world.world.gate.is_down = True
        assert outcome(world).deferred == 1
        assert world.queue.sent[0].delay_s == 30
        assert [event.attempt for event in world.came_back()] == [1]
        world.world.gate.is_down = False
    assert outcome(world).accepted == 1


def test_a_history_that_cannot_be_seen_yet_is_waited_for() -> None:
    world = with_audience(1)
    event = world.event(history_id=71)
    for attempt in (2, 3, 4, 5):
        assert world.notify(event) == Sent(again=1, reason="no such history of this user")
        event = world.came_back()[-1]
        assert (event.attempt, event.tenant_id) == (attempt, None)
    assert [message.delay_s for message in world.queue.sent] == [15, 30, 60, 120]
    assert world.notify(event) == Sent(failed=1, reason="no such history of this user")
    assert world.given_up() == [(None, "no such history of this user")]
    world.stores.add_history("job_change", 71, CHANGER, "open", world.now())
    assert outcome(world, history_id=71).accepted == 1


def test_somebody_elses_history_tells_nobody() -> None:
    world = with_audience(1)
    assert outcome(world, user_id=1).again == 1
    assert world.texts() == {}


def test_a_channel_without_answers_comes_again_alone_and_is_given_up_at_last() -> None:
    world = with_audience(4, World(lambda token, *_: Unknown("HTTP 503") if token == "two" else None))
    sent = outcome(world)
    assert (sent.accepted, sent.again, sent.reason) == (2, 2, "HTTP 503")
    (event,) = world.came_back()
    assert (event.tenant_id, event.attempt) == (2, 2)
    assert world.queue.sent[0].group == "2"
    sent = outcome(world, tenant_id=2, attempt=5)
    assert (sent.accepted, sent.failed) == (0, 2)
    assert world.given_up() == [(2, "HTTP 503")]
    assert world.recorded() == {1, 3}


@pytest.mark.parametrize("reason", ["unauthorized", "forbidden"])
def test_a_refused_channel_is_given_up_with_the_reason_and_told_once_it_is_mended(reason: str) -> None:
    world = with_audience(4, World(lambda token, *_: ChannelRefused(reason) if token == "two" else None))
    sent = outcome(world)
    assert (sent.accepted, sent.failed) == (2, 2)
    assert world.given_up() == [(2, reason)]
    world.world.line.trouble = lambda *_: None
    world.world.gate.gates.clear()
    assert outcome(world, tenant_id=2).accepted == 2
    assert world.recorded() == {1, 2, 3, 4}


def test_a_quota_reached_half_way_records_nobody_who_was_not_told() -> None:
    world = MotivationWorld()
    for user_id in range(1, 1_201):
        world.people.person(user_id, 1)
        world.stores.connect(user_id, CHANGER)
    world.world.line.quota = 1_100
    sent = outcome(world)
    assert (sent.accepted, sent.failed, sent.quota_reached) == (1_000, 200, 1)
    assert len(world.recorded()) == 1_000
    told = {user_id for user_id in range(1, 1_201) if world.world.line.texts.get(line_id(1_000 + user_id))}
    assert world.recorded() == told
    assert world.given_up() == [(1, "quota_reached")]
    world.world.line.quota = None
    world.world.gate.gates.clear()
    world.later(hours=2)
    assert outcome(world, tenant_id=1).accepted == 1_200
    assert {len(texts) for texts in world.texts().values()} == {1}


def test_a_day_later_nobody_can_know_and_nothing_is_sent() -> None:
    world = with_audience(2, World(lambda *_: Lost()))
    outcome(world)
    world.world.line.trouble = lambda *_: None
    world.later(hours=23.6)
    assert outcome(world) == Sent(expired=2, reason="taken up a day ago")
    assert {len(texts) for texts in world.texts().values()} == {1}
    assert world.dead.sent == []


def test_a_day_after_a_channel_was_refused_nothing_is_sent_either() -> None:
    """A known weakness: the clock starts when the audience is fixed, whether or not anything was sent then."""
    world = with_audience(2, World(lambda *_: ChannelRefused("unauthorized")))
    assert outcome(world).failed == 2
    world.world.line.trouble = lambda *_: None
    world.world.gate.gates.clear()
    world.later(hours=70)
    assert outcome(world, tenant_id=1) == Sent(expired=1, reason="taken up a day ago")
    assert world.texts() == {}


def test_bad_ids_are_counted_once_however_often_the_list_is_sent() -> None:
    """LINE names one, then does not answer for the rest; the list comes again whole."""
    keys: list[UUID] = []

    def answers_one_key(_token: str, key: UUID, _call: int) -> Unknown | None:
        keys.append(key)
        return None if key == keys[0] else Unknown("HTTP 503")

    world = with_audience(1, World(answers_one_key))
    world.people.person(3, 1, connected_to=CHANGER)
    world.world.line.bad = {line_id(1_001)}
    first = outcome(world)
    assert (first.accepted, first.rejected, first.again) == (0, 0, 1)
    world.world.line.trouble = lambda *_: None
    second = outcome(world, tenant_id=1, attempt=2)
    assert (second.accepted, second.rejected, second.again) == (1, 1, 0)


def test_bad_ids_are_left_out_of_the_record() -> None:
    world = with_audience()
    world.world.line.bad = {line_id(1_001)}
    sent = outcome(world)
    assert (sent.accepted, sent.rejected) == (3, 1)
    assert world.recorded() == {2, 3, 4}
    assert outcome(world) == Sent()


def test_who_blocked_the_account_since_is_told_and_recorded_as_line_accepted_it() -> None:
    world = with_audience(1)
    world.stores.notifications.take_up("job_change", HISTORY, CHANGER, world.now())
    world.stores.block(1_001)
    assert outcome(world).accepted == 1
    assert world.recorded() == {1}


def test_the_deadline_leaves_the_rest_for_the_next_visit() -> None:
    world = MotivationWorld()
    for user_id in range(1, 20_001):
        world.people.person(user_id, 2)
        world.stores.connect(user_id, CHANGER)
    sent = world.notify(within_s=0.3)
    assert isinstance(sent, Sent)
    assert 0 < sent.accepted < 20_000
    assert sent.accepted + sent.deferred == 20_000
    assert [(event.attempt, event.tenant_id) for event in world.came_back()] == [(1, 2)]
    while world.queue.sent:
        (event,) = world.came_back()
        world.queue.sent.clear()
        world.notify(event)
    assert world.recorded() == set(range(1, 20_001))
    assert {len(texts) for texts in world.texts().values()} == {1}


def test_more_targets_than_a_message_holds_are_several_messages() -> None:
    world = MotivationWorld()
    for user_id in range(1, 7_001):
        world.people.person(user_id, 1)
        world.stores.connect(user_id, CHANGER)
    outcome(world)
    sizes = [len(TargetsRecorded.model_validate_json(message.body).user_ids) for message in world.writes.sent]
    assert sizes == [3_000, 3_000, 1_000]


TROUBLES: list[SendAnswer | Lost | None] = [
    None,
    Unknown("HTTP 500"),
    Lost(),
    RateLimited(),
    ChannelRefused("forbidden"),
]


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_nobody_is_told_twice_or_lost_whatever_line_answers_and_whoever_dies(data: Any) -> None:
    """Deliveries and redrives in any order, with workers that die before they could hand on who was told."""
    random = data.draw(st.randoms(use_true_random=False))

    world = with_audience(data.draw(st.integers(1, 12)), World(lambda *_: random.choice(TROUBLES)))
    everyone = set(range(1, len(world.stores.tables.entries) + 1))
    for hours in data.draw(st.lists(st.floats(0, 4), max_size=5)):
        world.later(hours=hours)
        world.writes.failures = [Unavailable("SQS")] * data.draw(st.integers(0, 2))
        with suppress(Unavailable):
            world.notify()
        world.world.gate.gates.clear()
    world.writes.failures = []
    world.world.line.trouble = lambda *_: None
    world.notify()
    assert {len(texts) for texts in world.texts().values()} == {1}
    assert len(world.texts()) == len(everyone)
    assert world.recorded() == everyone
