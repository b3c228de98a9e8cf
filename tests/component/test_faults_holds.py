"""Nights in which LINE loses its friends, by either way of asking, through the real handlers: held, and released."""

from collections import Counter

import pytest

from tests.support.night import Night
from tests.support.sweep_nights import NEXT_RUN, NEXT_SCHEDULED, statuses, verify
from tools.cli import runs
from tools.line_double.followers import FollowerRules
from tools.line_double.truth import is_line_user_id

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


def test_a_follower_list_that_is_suddenly_empty_is_held_and_not_written(night: Night) -> None:
    night.seed({1: 200, 2: 100}, check_by="followers")
    verify(night, 1, 2)
    night.dispatch()
    night.drain()
    before = night.settled().after
    night.stack.announced()
    night.double.control.set_follower_rules(FollowerRules(hides_everyone=True), "1")
    night.dispatch(NEXT_SCHEDULED)
    night.drain()
    assert statuses(night) == {key: row.status for key, row in before.items()}
    report = night.report(NEXT_RUN)
    held, other = report.tenants
    friends = sum(key[0] == 1 and row.status == "friend" for key, row in before.items())
    assert (report.state, held.state, held.lost, other.state) == ("completed_with_holds", "held", friends, "dispatched")
    events = {event["kind"]: event for event in night.stack.announced()}
    assert events["tenant_held"] == {
        "version": 1,
        "kind": "tenant_held",
        "run_id": NEXT_RUN,
        "tenant_id": 1,
        "lost": friends,
        "friends_before": friends,
    }
    assert (events["run_completed"]["state"], events["run_completed"]["tenants_held"]) == ("completed_with_holds", 1)


@pytest.mark.parametrize("discard", [False, True])
def test_a_hold_is_released_by_a_message_to_the_writer(night: Night, *, discard: bool) -> None:
    night.seed({1: 100}, check_by="followers")
    verify(night, 1)
    night.dispatch()
    night.drain()
    friends = Counter(statuses(night).values())["friend"]
    night.double.control.set_follower_rules(FollowerRules(hides_everyone=True), "1")
    night.dispatch(NEXT_SCHEDULED)
    night.drain()
    assert Counter(statuses(night).values())["friend"] == friends
    assert runs.held(night.report(NEXT_RUN), NEXT_RUN, 1).lost == friends
    for _ in range(2):
        runs.release(night.target(), NEXT_RUN, 1, discard=discard)
    night.drain()
    with pytest.raises(runs.RunError, match="is not held but"):
        runs.held(night.report(NEXT_RUN), NEXT_RUN, 1)
    with pytest.raises(runs.RunError, match="there is no tenant 2"):
        runs.held(night.report(NEXT_RUN), NEXT_RUN, 2)
    assert Counter(statuses(night).values())["friend"] == (friends if discard else 0)
    assert night.report(NEXT_RUN).state == "completed"
    assert not night.stack.peek("WritesDeadLetters")


def test_both_ways_of_asking_are_held_alike(night: Night) -> None:
    """LINE says 404 of everybody, as it may in an outage."""
    night.seed({1: 200}, check_by="profile")
    ids = [row.line_user_id for row in night.ledger.accounts().values() if is_line_user_id(row.line_user_id)]
    night.befriend(1, dict.fromkeys(ids, True))
    night.dispatch()
    night.drain()
    night.befriend(1, dict.fromkeys(ids, False))
    night.dispatch(NEXT_SCHEDULED)
    night.drain()
    assert night.report(NEXT_RUN).state == "completed_with_holds"
    assert Counter(statuses(night).values()) == {"friend": len(ids), "invalid": 200 - len(ids)}
