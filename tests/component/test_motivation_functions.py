"""A change and its summary through the real handlers: told at once, recorded, summed up, each exactly once."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.motivation_day import CHANGER, HISTORY, MotivationDay
from tests.support.motivations import KINDS
from tests.support.night import line_user_id
from tests.support.pump import Context
from tools.line_double.faults import Faults
from tools.line_double.truth import token_for
from yomawari.adapters.mysql.connection import utc
from yomawari.adapters.sqs import AsyncQueue
from yomawari.domain.summaries import DayStillOpenError
from yomawari.messages import SummaryChunk
from yomawari.usecases.ports import Unavailable

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


def test_from_the_change_to_the_summary(motivation_day: MotivationDay) -> None:
    day = motivation_day
    day.add_people(1, 2, 3, 4)
    for kind in KINDS:
        day.emit(kind)
    day.drain()
    assert day.recorded() == {(kind, HISTORY, user_id) for kind in KINDS for user_id in (1, 2, 3, 4)}
    assert {len(texts) for texts in day.told().values()} == {2}
    assert day.dispatch() == {"day": day.day, "tenants": 2, "recipients": 4, "changes": 8, "chunks": 2}
    day.drain()
    told = day.told()
    assert {len(texts) for texts in told.values()} == {3}
    assert told[1][-1].startswith(f"{datetime.fromisoformat(day.day).month}月")
    assert told[2][-1].startswith(f"Changes of motivation on {day.day}: 2")
    assert all("佐藤 花子" in text for texts in told.values() for text in texts)
    report = day.report()
    assert (report.changes, report.untold, report.recorded) == (2, {}, 8)
    assert (report.summary.recipients, report.summary.sent, report.summary.is_done) == (4, 4, True)


def test_everything_twice_is_everything_once(motivation_day: MotivationDay) -> None:
    day = motivation_day
    day.add_people(1, 2)
    for _ in range(2):
        day.emit()
        day.drain()
        day.dispatch()
        day.dispatch()
        day.drain()
    assert {len(texts) for texts in day.told().values()} == {2}
    assert day.report().recorded == 2


def test_faults_on_the_way_lose_nobody(motivation_day: MotivationDay) -> None:
    day = motivation_day
    day.add_people(*range(1, 41))
    faults = Faults(lost_answer_share=0.2, server_error_share=0.15, cut_share=0.05)
    day.night.double.control.set_faults(faults)
    for kind in KINDS:
        day.emit(kind)
    day.drain()
    day.dispatch()
    day.drain()
    assert {user_id: len(texts) for user_id, texts in day.told().items()} == dict.fromkeys(range(1, 41), 3)
    assert day.report().summary.is_done


def test_a_worker_killed_between_lines_answer_and_the_record(
    motivation_day: MotivationDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = motivation_day
    day.add_people(1, 2)
    day.emit()
    send = AsyncQueue.send

    async def away(queue: Any, messages: Any) -> None:
        if messages and queue._url == day.night.stack.url("Writes"):
            raise Unavailable("SQS")
        await send(queue, messages)

    with monkeypatch.context() as patch:
        patch.setattr(AsyncQueue, "send", away)
        day.night.changes.once()
    assert {len(texts) for texts in day.told().values()} == {1}
    day.drain()
    assert {len(texts) for texts in day.told().values()} == {1}
    assert len(day.recorded()) == 2
    assert day.night.double.control.report().channels["1"]["multicast"].statuses == {"200": 1, "409": 1}


def test_while_the_writer_is_down_people_are_told_and_later_recorded(motivation_day: MotivationDay) -> None:
    day = motivation_day
    day.add_people(1, 2)
    day.emit()
    day.night.changes.once()
    assert {len(texts) for texts in day.told().values()} == {1}
    assert day.recorded() == set()
    assert day.dispatch()["recipients"] == 0
    day.drain()
    assert day.dispatch()["recipients"] == 2
    day.drain()
    assert {len(texts) for texts in day.told().values()} == {2}


def test_mysql_that_is_away_leaves_everything_on_the_queues(motivation_day: MotivationDay) -> None:
    day = motivation_day
    day.add_people(1, 2)
    day.emit()
    day.night.server.stop()
    with suppress(Unavailable):
        day.night.changes.once()
    assert day.night.stack.waiting("MotivationChanges") == 1
    assert day.told() == {}
    day.night.server.start()
    day.drain()
    assert {len(texts) for texts in day.told().values()} == {1}


def test_a_mistaken_event_sums_up_no_open_day(motivation_day: MotivationDay) -> None:
    """It fails, so that the alarm rings."""
    with pytest.raises(DayStillOpenError):
        motivation_day.night.container.invoke(
            "DispatchSummaries", {"scheduled_time": f"{motivation_day.day}T23:00:00Z"}, Context(900)
        )


def test_who_blocked_the_account_since_gets_no_summary(motivation_day: MotivationDay) -> None:
    day = motivation_day
    day.add_people(1, 3)
    day.emit()
    day.drain()
    day.tables.block(1_000_003)
    assert day.dispatch()["recipients"] == 1
    day.drain()
    assert {user_id: len(texts) for user_id, texts in day.told().items()} == {1: 2, 3: 1}


def test_a_refused_channel_is_mended_by_a_redrive_of_its_tenant(motivation_day: MotivationDay) -> None:
    day = motivation_day
    day.add_people(1, 2, 3, 4)
    day.emit()
    day.drain()
    day.dispatch()
    control = day.night.double.control
    control.set_token(token_for("2"), revoked=True)
    day.emit("side_job")
    day.drain()
    assert day.told().keys() == {1, 2, 3, 4}
    assert len(day.recorded()) == 4 + 2
    assert day.night.stack.waiting("MotivationChangesDeadLetters") == 1
    assert day.night.stack.waiting("SummariesDeadLetters") == 1
    assert day.report().untold == {2: 1}
    assert day.night.gate("2", "multicast")["closed_reason"] == "unauthorized"
    control.set_token(token_for("2"), revoked=False)
    assert day.night.redrive(1).others == 2
    assert day.night.redrive(2).messages == 2
    day.drain()
    assert len(day.recorded()) == 8
    assert {len(texts) for texts in day.told().values()} == {3}
    assert day.report().summary.is_done


def test_a_quota_that_is_used_up_is_mended_by_a_redrive(motivation_day: MotivationDay) -> None:
    day = motivation_day
    day.add_people(1, 3, 5)
    day.night.double.control.set_quota("1", limit=2)
    day.emit()
    day.drain()
    (dead,) = day.night.stack.peek("MotivationChangesDeadLetters")
    assert dead["MessageAttributes"]["reason"]["StringValue"] == "quota_reached"
    assert day.recorded() == set()
    day.night.double.control.set_quota("1", limit=None)
    day.night.redrive()
    day.drain()
    assert {user_id for _, _, user_id in day.recorded()} == {1, 3, 5}
    assert {len(texts) for texts in day.told().values()} == {1}


def test_people_whom_line_rejected_by_mistake_are_taken_back_as_the_runbook_says(motivation_day: MotivationDay) -> None:
    day, control = motivation_day, motivation_day.night.double.control
    people = day.add_people(1, 3)
    day.emit()
    day.drain()
    control.set_foreign("1", frozenset(people))
    day.dispatch()
    day.drain()
    assert (day.report().summary.sent, day.report().summary.rejected) == (0, 2)
    control.set_foreign("1", frozenset())
    day.tables.run("UPDATE summary_deliveries SET state = 'claimed', settled_at = NULL WHERE state = 'rejected'")
    day.dispatch()
    day.drain()
    assert (day.report().summary.sent, day.report().summary.rejected) == (2, 0)
    assert {len(texts) for texts in day.told().values()} == {2}


def test_a_redrive_after_a_day_asks_the_record_and_not_line(motivation_day: MotivationDay) -> None:
    day = motivation_day
    day.add_people(1)
    day.emit()
    day.drain()
    day.dispatch()
    (chunk,) = day.night.stack.take("Summaries")
    day.put("Summaries", chunk["Body"])
    day.drain()
    calls = day.night.double.control.report().totals.calls
    yesterday = utc(datetime.now(UTC) - timedelta(hours=25))
    day.tables.run("UPDATE summary_deliveries SET state = 'claimed', first_attempt_at = %s", yesterday)
    day.put("Summaries", chunk["Body"])
    day.drain()
    assert day.night.double.control.report().totals.calls == calls
    assert [len(texts) for texts in day.told().values()] == [2]
    assert SummaryChunk.model_validate_json(chunk["Body"]).recipients[0].user_id == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"kind": "hobby"}, "kind: Input should be 'job_change' or 'side_job'"),
        ({"history_id": 0}, "history_id: Input should be greater than 0"),
        ({"occurred_at": "yesterday"}, "occurred_at: "),
        ({"mood": "good"}, "body: Extra inputs are not permitted"),
    ],
)
def test_a_change_that_is_not_one_is_put_aside_at_once_and_harms_no_other(
    motivation_day: MotivationDay, change: dict[str, Any], reason: str
) -> None:
    day = motivation_day
    day.add_people(1)
    content = {"kind": "job_change", "history_id": HISTORY, "user_id": CHANGER, "occurred_at": "2026-11-20T00:00:00Z"}
    day.put("MotivationChanges", json.dumps(content | change))
    day.emit()
    day.drain()
    (dead,) = day.night.stack.peek("MotivationChangesDeadLetters")
    assert dead["MessageAttributes"]["reason"]["StringValue"].startswith(reason)
    assert len(day.told()) == 1


def test_a_summary_that_is_not_one_is_put_aside_at_once(motivation_day: MotivationDay) -> None:
    motivation_day.put("Summaries", '{"version": 1}')
    motivation_day.drain()
    (dead,) = motivation_day.night.stack.peek("SummariesDeadLetters")
    assert dead["MessageAttributes"]["reason"]["StringValue"].endswith("Field required")


def test_deleted_missing_and_nobody(motivation_day: MotivationDay) -> None:
    day = motivation_day
    day.emit()
    day.emit(history_id=71, attempt=5)
    day.drain()
    (dead,) = day.night.stack.peek("MotivationChangesDeadLetters")
    assert dead["MessageAttributes"]["reason"]["StringValue"] == "no such history of this user"
    day.add_people(1)
    day.tables.delete(CHANGER)
    day.emit("side_job")
    day.drain()
    assert day.told() == {}


def test_no_log_line_holds_a_token_a_line_id_a_name_or_a_text(
    motivation_day: MotivationDay, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    day = motivation_day
    people = day.add_people(1, 2)
    day.night.double.control.set_foreign("1", frozenset([line_user_id(1)]))
    day.emit()
    day.drain()
    day.dispatch()
    day.drain()
    printed = capsys.readouterr()
    logged = "\n".join([printed.out, printed.err, *(str(vars(record)) for record in caplog.records)])
    assert "change told" in logged
    secrets = [token_for("1"), token_for("2"), *people, "佐藤", "意欲", "motivation for"]
    assert not [secret for secret in secrets if secret in logged]
