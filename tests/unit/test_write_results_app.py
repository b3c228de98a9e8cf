"""write_results takes both kinds of messages, and puts aside what it can never apply."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.pump import Context
from yomawari import runtime
from yomawari.adapters.events_fake import EventBusFake
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
from yomawari.usecases.conclude_run import ConcludeRun
from yomawari.usecases.motivation_ports import Recorded, Targets
from yomawari.usecases.ports import Refused, Unavailable
from yomawari.usecases.record_targets import RecordTargets
from yomawari.usecases.write_results import WriteResults

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

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
        (
            RECORDED.model_dump_json().replace("2026", "2100"),
            "targets_recorded.told_at: Input should be less than 2100",
        ),
        (
            CHECKED.model_dump_json().replace("2026-", "1999-"),
            "check_results.observed_at: Input should be greater than",
        ),
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


class Written:
    """The function on stores in memory, with its dead-letter queue; history 7 is there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "test")
        monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "test")
        monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "true")
        from functions.write_results import app  # noqa: PLC0415 - Powertools reads the environment when it is imported

        self.handler = app.handler
        self.motivations, self.rounds, self.aside = MotivationsInMemory(), RoundInMemory(), QueueFake()
        self.motivations.users[9] = UserRow("x")
        self.motivations.histories["side_job", 7] = HistoryRow(9, "open", NOW)
        writer = WriteResults(self.rounds, ConcludeRun(self.rounds, EventBusFake(), lambda: NOW))
        monkeypatch.setattr(runtime, "write_results", lambda: writer)
        monkeypatch.setattr(runtime, "record_targets", lambda: RecordTargets(self, lambda: NOW))
        monkeypatch.setattr(runtime, "writes_dead_letters", lambda: self.aside)
        self.asked: list[int] = []
        self.is_away = False

    def record(self, targets: Sequence[Targets]) -> list[Recorded | Refused]:
        """The store of targets, which counts how many it is given at once."""
        self.asked.append(len(targets))
        if self.is_away:
            raise Unavailable("MySQL: away")
        return self.motivations.record(targets)

    def invoke(self, *bodies: str) -> list[str]:
        """The message ids that return to the queue; a message's id is its place in the batch."""
        event: dict[str, object] = {"Records": [record_of(body, number) for number, body in enumerate(bodies)]}
        failures = self.handler(event, Context())["batchItemFailures"]
        return [str(failure["itemIdentifier"]) for failure in failures]

    def put_aside(self) -> list[tuple[str, str]]:
        """(body, reason) in the dead-letter queue."""
        return [(message.body, str((message.attributes or {})["reason"])) for message in self.aside.sent]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    return Written(monkeypatch)


def test_each_message_goes_its_way(written: Written) -> None:
    missing = RECORDED.model_copy(update={"history_id": 8}).model_dump_json()
    bodies = [RECORDED.model_dump_json(), CHECKED.model_dump_json(), missing, "{}"]
    assert written.invoke(*bodies) == []
    assert written.motivations.targets == {("side_job", 7, 1): NOW, ("side_job", 7, 2): NOW}
    assert written.put_aside() == [
        (bodies[1], "no tenant 1 in run 202611200200"),
        (bodies[2], "no side_job history 8"),
        ("{}", "body: Unable to extract tag using discriminator 'kind'"),
    ]


def test_all_targets_of_a_batch_are_recorded_at_once(written: Written) -> None:
    others = [RECORDED.model_copy(update={"user_ids": [user_id]}).model_dump_json() for user_id in range(3, 6)]
    assert written.invoke(RECORDED.model_dump_json(), CHECKED.model_dump_json(), *others) == []
    assert written.asked == [4]
    assert {user_id for _, _, user_id in written.motivations.targets} == {1, 2, 3, 4, 5}


@pytest.mark.parametrize("told_at", ["9999-12-31T20:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_a_moment_at_the_end_of_the_calendar_is_put_aside_alone(written: Written, told_at: str) -> None:
    body = json.dumps(RECORDED.model_dump(mode="json") | {"told_at": told_at})
    assert written.invoke(body, RECORDED.model_dump_json()) == []
    assert [put_aside for put_aside, _ in written.put_aside()] == [body]
    assert len(written.motivations.targets) == 2


def test_targets_that_cannot_be_recorded_now_return_and_hold_nothing_else_up(written: Written) -> None:
    written.is_away = True
    assert written.invoke(RECORDED.model_dump_json(), CHECKED.model_dump_json(), RECORDED.model_dump_json()) == [
        "0",
        "2",
    ]
    assert [reason for _, reason in written.put_aside()] == ["no tenant 1 in run 202611200200"]


def test_a_batch_without_targets_asks_for_no_connection(written: Written) -> None:
    assert written.invoke(CHECKED.model_dump_json()) == []
    assert written.asked == []
