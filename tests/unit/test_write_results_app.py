"""write_results takes both kinds of messages, and puts aside what it can never apply."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from yomawari import runtime
from yomawari.adapters.mysql.memory import RoundInMemory
from yomawari.adapters.mysql.motivations_memory import HistoryRow, MotivationsInMemory, UserRow
from yomawari.adapters.sqs_fake import QueueFake
from yomawari.messages import (
    MAX_BODY_BYTES,
    MAX_TARGETS,
    CheckResults,
    Malformed,
    MotivationChanged,
    TargetsRecorded,
    read,
    read_write,
)

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
RECORDED = TargetsRecorded(tenant_id=3, change_kind="side_job", history_id=7, user_ids=[1, 2], told_at=NOW)
CHECKED = CheckResults(run_id=202611200200, tenant_id=1, observed_at=NOW, friend=[1])


@pytest.mark.parametrize("message", [RECORDED, CHECKED])
def test_the_kind_tells_which_it_is(message: TargetsRecorded | CheckResults) -> None:
    assert read_write(message.model_dump_json()) == message


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"version":1,"kind":"U0123 secret"}', "kind: not one that is known here"),
        ('{"version":1}', "body: Unable to extract tag using discriminator 'kind'"),
        ("[]", "body: Input should be an object"),
        (RECORDED.model_dump_json().replace("side_job", "hobby"), "targets_recorded.change_kind: Input should be"),
        (RECORDED.model_dump_json().replace("[1,2]", "[]"), "targets_recorded.user_ids: List should have at least 1"),
        (RECORDED.model_dump_json().replace("[1,2]", "[0]"), "targets_recorded.user_ids.0: Input should be greater"),
        (RECORDED.model_dump_json().replace("Z", ""), "targets_recorded.told_at: Input should have timezone info"),
        ("x" * (MAX_BODY_BYTES + 1), "65537 bytes, more than 65536"),
    ],
)
def test_what_cannot_be_read_says_why_and_repeats_nothing(body: str, reason: str) -> None:
    read_as = read_write(body)
    assert isinstance(read_as, Malformed)
    assert read_as.reason.startswith(reason)
    assert "secret" not in read_as.reason


def test_the_most_and_longest_ids_fit_into_a_body() -> None:
    ids = list(range(2**64 - MAX_TARGETS, 2**64))
    body = RECORDED.model_copy(update={"user_ids": ids, "history_id": 2**64 - 1}).model_dump_json()
    assert len(body) <= MAX_BODY_BYTES
    assert isinstance(read_write(body), TargetsRecorded)


@pytest.mark.parametrize("kind", ["hobby", "", "targets_recorded"])
def test_a_change_of_an_unknown_kind_is_malformed(kind: str) -> None:
    body = {"version": 1, "kind": kind, "history_id": 1, "user_id": 1, "occurred_at": NOW.isoformat()}
    assert isinstance(read(MotivationChanged, json.dumps(body)), Malformed)
    assert isinstance(read(MotivationChanged, json.dumps(body | {"kind": "side_job"})), MotivationChanged)


def record_of(body: str, number: int) -> dict[str, Any]:
    return {"messageId": str(number), "receiptHandle": "", "body": body, "eventSource": "aws:sqs", "attributes": {}}


def test_each_message_goes_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "test")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "test")
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "true")
    from functions.write_results import app  # noqa: PLC0415 - Powertools reads the environment when it is imported
    from yomawari.adapters.events_fake import EventBusFake  # noqa: PLC0415
    from yomawari.usecases.conclude_run import ConcludeRun  # noqa: PLC0415
    from yomawari.usecases.record_targets import RecordTargets  # noqa: PLC0415
    from yomawari.usecases.write_results import WriteResults  # noqa: PLC0415

    motivations, rounds, aside = MotivationsInMemory(), RoundInMemory(), QueueFake()
    motivations.users[9] = UserRow("x")
    motivations.histories["side_job", 7] = HistoryRow(9, "open", NOW)
    writer = WriteResults(rounds, ConcludeRun(rounds, EventBusFake(), lambda: NOW))
    monkeypatch.setattr(runtime, "write_results", lambda: writer)
    monkeypatch.setattr(runtime, "record_targets", lambda: RecordTargets(motivations, lambda: NOW))
    monkeypatch.setattr(runtime, "writes_dead_letters", lambda: aside)
    missing = RECORDED.model_copy(update={"history_id": 8}).model_dump_json()
    bodies = [RECORDED.model_dump_json(), CHECKED.model_dump_json(), missing, "{}"]
    for number, body in enumerate(bodies):
        app.write(SQSRecord(record_of(body, number)))
    assert motivations.targets == {("side_job", 7, 1): NOW, ("side_job", 7, 2): NOW}
    assert [(message.body, (message.attributes or {})["reason"]) for message in aside.sent] == [
        (bodies[1], "no tenant 1 in run 202611200200"),
        (bodies[2], "no side_job history 8"),
        ("{}", "body: Unable to extract tag using discriminator 'kind'"),
    ]
