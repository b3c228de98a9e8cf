"""Runs that overlap: the schedule fired twice, a dispatch that died, an older run's late results, the next night."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.night import RUN, Night
from yomawari.adapters.sqs import Queue
from yomawari.usecases.ports import Outgoing

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


def test_the_schedule_fired_twice(night: Night) -> None:
    night.seed({1: 250, 2: 120})
    assert night.dispatch()["seekers"] == 370
    assert night.dispatch()["seekers"] == 0
    night.drain()
    night.settled()
    assert night.dispatch()["seekers"] == 0
    assert not night.stack.waiting("FriendChecks")
    assert night.asked().total() == night.askable()
    assert [event["state"] for event in night.stack.announced()] == ["completed"]


def test_the_schedule_fired_twice_at_once(night: Night) -> None:
    """The function's reserved concurrency forbids it; if it happens all the same, nothing is counted twice."""
    night.seed({1: 450, 2: 120, 3: 60})
    dispatches = night.container.dispatchers(2)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda dispatch: dispatch(RUN), dispatches))
    night.drain()
    night.settled()


@pytest.mark.parametrize("answered_between", [False, True])
def test_the_schedule_fired_again_after_half_a_dispatch(
    night: Night, monkeypatch: pytest.MonkeyPatch, answered_between: bool
) -> None:
    night.seed({1: 1_450, 2: 120, 3: 60})
    died = die_after(2, monkeypatch)
    with pytest.raises(RuntimeError, match="died"):
        night.dispatch()
    before = night.ledger.accounts()
    assert night.report().state == "dispatching"
    if answered_between:
        while night.checks.once() + night.writes.once():
            assert night.report().ended_at is None
        assert night.ledger.accounts() != before
    died()
    night.dispatch()
    night.drain()
    night.settled()


def die_after(sends: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The dispatcher dies at a later send; returns what brings it back to life."""
    sent = 0

    def send(queue: Queue, batch: list[Outgoing]) -> list[Outgoing]:
        nonlocal sent
        sent += 1
        if sent > sends:
            raise RuntimeError("died")
        return send_once(queue, batch)

    send_once = Queue._send_once
    monkeypatch.setattr(Queue, "_send_once", send)
    return lambda: monkeypatch.setattr(Queue, "_send_once", send_once)


def test_an_older_runs_late_results_undo_nothing(night: Night) -> None:
    night.seed({1: 250, 2: 120})
    night.dispatch()
    night.checks.batch_size = 10
    night.checks.once()
    late = night.stack.take("Writes")
    people = [row.line_user_id for key, row in night.ledger.accounts().items() if key[0] == 1][:60]
    night.befriend(
        1, {line_user_id: number % 2 == 0 for number, line_user_id in enumerate(people) if line_user_id[0] == "U"}
    )
    night.dispatch("2026-11-22T17:00:00Z")
    night.drain()
    settled = night.settled(run_id=RUN + 1_00_00)
    night.writes.deliver([*late, *reversed(late)])
    assert night.settled(run_id=RUN + 1_00_00).after == settled.after
    assert not night.ledger.changes(RUN)
    overtaken = night.report(RUN)
    assert overtaken.ended_at is not None
    assert (overtaken.totals.passed_over, overtaken.totals.settled) == (370, 0)


def test_the_next_night_notes_only_what_has_changed(night: Night) -> None:
    night.seed({1: 250, 2: 120})
    night.dispatch()
    night.drain()
    night.settled()
    friends = [row.line_user_id for row in night.ledger.accounts().values() if row.status == "friend"][:40]
    others = [row.line_user_id for row in night.ledger.accounts().values() if row.status == "not_friend"][:20]
    night.befriend(1, dict.fromkeys(friends, False) | dict.fromkeys(others, True))
    night.dispatch("2026-11-22T17:00:00Z")
    night.drain()
    books = night.settled(run_id=RUN + 1_00_00)
    assert books.changes.total() == sum(books.before[key].status != row.status for key, row in books.after.items()) > 30
