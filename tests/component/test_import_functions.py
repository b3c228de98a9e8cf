"""Files through the real handlers: S3, both queues, MySQL, and the next night, which asks about whom they hold."""

import gzip
import json
from typing import Any

import pytest

from tests.support.files import ndjson_of
from tests.support.imports import line_id
from tests.support.night import Night
from tests.support.pump import Context, Pump
from tools.local_stack.state import ROOT
from yomawari.domain.imports import ErrorReport, ImportErrors, ImportReport
from yomawari.runtime import imports
from yomawari.usecases.ports import Unavailable

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

ROWS = [{"external_key": f"key {n}", "line_user_id": line_id(n)} for n in range(1, 701)]
SECRET = "U" + "c0ffee" * 5  # two digits short


class Importing:
    """Puts files where they belong, says so as S3 does, and pumps both queues."""

    def __init__(self, night: Night, aws: Any) -> None:
        self.night = night
        self.stack = night.stack
        self._s3 = aws("s3")
        self.splits = self._pump("Imports", "SplitImport", 1)
        self.registrations = self._pump("Registrations", "RegisterSeekers", 10)
        night.seed({1: 0})

    def put(self, key: str, content: bytes) -> dict[str, Any]:
        """Put a file there; the event that EventBridge makes of it."""
        put = self._s3.put_object(Bucket="importfiles", Key=key, Body=content)
        event = recorded("split_import")
        event["detail"]["bucket"]["name"] = "importfiles"
        event["detail"]["object"] |= {"key": key, "etag": put["ETag"].strip('"'), "version-id": put["VersionId"]}
        return event

    def tell(self, event: object) -> None:
        """Put an event on the queue."""
        body = event if isinstance(event, str) else json.dumps(event)
        self.stack.sqs.send_message(QueueUrl=self.stack.url("Imports"), MessageBody=body)

    def drain(self) -> None:
        """Deliver all there is on both queues."""
        while self.splits.once() + self.registrations.once():
            pass

    def report(self, import_id: str = "first") -> ImportReport:
        """What report_status says."""
        return ImportReport.model_validate(self.ask(import_id=import_id))

    def ask(self, **question: object) -> dict[str, Any]:
        """Ask report_status."""
        return self.night.container.invoke("ReportStatus", question, Context(60))

    def dead(self, queue: str) -> dict[str, str]:
        """The bodies in a dead-letter queue, with their reasons."""
        found = self.stack.peek(queue)
        return {message["Body"]: message["MessageAttributes"]["reason"]["StringValue"] for message in found}

    def _pump(self, queue: str, function: str, batch_size: int) -> Pump:
        def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
            return self.night.container.invoke(function, event, context)

        return Pump(self.stack.sqs, self.stack.url(queue), handler, batch_size=batch_size)


@pytest.fixture
def importing(night: Night, aws: Any) -> Importing:
    return Importing(night, aws)


def recorded(function: str) -> dict[str, Any]:
    """The body of a function's recorded event."""
    event = json.loads((ROOT / "events" / f"{function}.json").read_text(encoding="utf-8"))
    body: dict[str, Any] = json.loads(event["Records"][0]["body"])
    return body


def test_a_file_is_registered_and_the_next_night_asks_about_whom_it_holds(importing: Importing) -> None:
    bad = {"external_key": "x", "line_user_id": SECRET}
    importing.tell(importing.put("imports/1/first.ndjson.gz", gzip.compress(ndjson_of([*ROWS, bad, ROWS[4]]))))
    importing.drain()
    report = importing.report()
    assert (report.state, report.rows, report.registered, report.updated, report.rejected) == (
        "completed_with_errors",
        702,
        700,
        0,
        2,
    )
    assert report.errors == [
        ErrorReport(line=701, column="line_user_id", reason="must be U and 32 hex digits (0-9, a-f)"),
        ErrorReport(line=702, column="external_key", reason="is the same as in line 5"),
    ]
    page = ImportErrors.model_validate(importing.ask(import_id="first", errors_after=701))
    assert [error.line for error in page.errors] == [702]
    (event,) = importing.stack.announced()
    assert (event["kind"], event["import_id"], event["rejected"]) == ("import_completed", "first", 2)
    importing.night.dispatch()
    importing.night.drain()
    assert importing.night.settled().report.totals.settled == 700


def test_everything_twice_and_the_file_put_again_changes_nothing(importing: Importing) -> None:
    event = importing.put("imports/1/first.csv", b"external_key,user_id\r\na,5\r\nb,\r\n")
    importing.tell(event)
    importing.tell(event)
    importing.splits.once()
    for message in importing.stack.peek("Registrations"):
        importing.stack.sqs.send_message(QueueUrl=importing.stack.url("Registrations"), MessageBody=message["Body"])
    importing.drain()
    before = importing.night.ledger.run("SELECT * FROM job_seekers ORDER BY id")
    importing.tell(importing.put("imports/1/first.csv", b"external_key,user_id\r\na,5\r\nb,\r\n"))
    importing.drain()
    assert importing.night.ledger.run("SELECT * FROM job_seekers ORDER BY id") == before
    assert (importing.report().registered, importing.report().updated) == (2, 0)
    assert len(importing.stack.announced()) == 1
    assert not importing.splits.crashes + importing.registrations.crashes


def test_what_can_never_be_an_import_is_put_aside_with_the_reason(
    importing: Importing, caplog: pytest.LogCaptureFixture
) -> None:
    good = importing.put("imports/1/first.ndjson", ndjson_of(ROWS[:2]))
    other = importing.put("imports/1/first.ndjson", ndjson_of(ROWS[:3]))
    nobody, odd = importing.put("imports/99/a.csv", b"x"), importing.put("imports/1/a b+c%20.csv", b"x")
    for event in (good, other, nobody, odd, "{}"):
        importing.tell(event)
        importing.splits.once()
    importing.drain()
    assert importing.dead("ImportsDeadLetters") == {
        json.dumps(other): "import first is another file's",
        json.dumps(nobody): "there is no tenant 99",
        json.dumps(odd): "the key is not imports/<tenant>/<import>.{ndjson,csv}[.gz]",
        "{}": "source: Field required",
    }
    refused = [record for record in caplog.records if record.getMessage() == "file is refused"]
    assert len(refused) == 4
    assert importing.report().registered == 2
    assert importing.ask(import_id="a") == {"error": "there is no import a"}


def test_a_chunk_that_can_never_be_registered_is_put_aside_and_the_rest_of_its_batch_is_not(
    importing: Importing,
) -> None:
    importing.tell(importing.put("imports/1/first.ndjson", ndjson_of(ROWS)))
    importing.splits.once()
    chunk = recorded("register_seekers")
    bodies = [
        json.dumps(chunk),
        json.dumps(chunk | {"rows": []}),
        json.dumps(chunk | {"rows": [[1, "a", SECRET, None]]}),
        json.dumps(chunk | {"import_id": "../first"}),
    ]
    for body in bodies:
        importing.stack.sqs.send_message(QueueUrl=importing.stack.url("Registrations"), MessageBody=body)
    importing.drain()
    dead = importing.dead("RegistrationsDeadLetters")
    assert set(dead) == set(bodies)
    assert dead[bodies[0]] == "there is no import 20261120-030000-5f2c of tenant 7"
    assert not any(SECRET in reason for reason in dead.values())
    assert importing.report().state == "completed"


def test_a_bad_file_is_told_to_whoever_asks_and_to_the_bus(importing: Importing) -> None:
    importing.tell(importing.put("imports/1/first.csv", b"external_key,phone\r\na,090\r\n"))
    importing.drain()
    report = importing.report()
    assert (report.state, report.reason, report.rows) == ("rejected", "line 1: unknown column: phone", None)
    (event,) = importing.stack.announced()
    assert (event["state"], event["reason"]) == ("rejected", report.reason)
    assert not importing.dead("ImportsDeadLetters")


def test_the_content_that_was_put_is_cut_though_the_file_was_replaced_since(importing: Importing) -> None:
    first = importing.put("imports/1/first.ndjson", ndjson_of(ROWS[:2]))
    importing.put("imports/1/first.ndjson", ndjson_of(ROWS[:9]))
    importing.tell(first)
    importing.drain()
    assert importing.report().rows == 2
    del first["detail"]["object"]["version-id"]
    first["detail"]["object"]["key"] = "imports/1/second.ndjson"
    importing.tell(first)
    importing.drain()
    assert importing.report("second").reason == "the file is not there any more"


def test_nothing_is_lost_while_something_is_away(importing: Importing, monkeypatch: pytest.MonkeyPatch) -> None:
    importing.tell(importing.put("imports/1/first.ndjson", ndjson_of(ROWS)))

    def away(*_: object) -> None:
        raise Unavailable("away")

    for port, name in ((imports.S3Files, "open"), (imports.Queue, "send"), (imports.EventBus, "announce")):
        with monkeypatch.context() as patch:
            patch.setattr(port, name, away)
            importing.splits.once()
            importing.registrations.once()
    importing.drain()
    assert importing.report().registered == 700
    assert [event["state"] for event in importing.stack.announced()] == ["completed"]


def test_a_file_comes_again_soon_after_something_was_away(
    importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not after the queue's visibility timeout, which is for a worker that dies."""
    importing.tell(importing.put("imports/1/first.ndjson", ndjson_of(ROWS)))
    hidden_s: list[int] = []
    hide = imports.Queue.hide

    def noted(queue: imports.Queue, receipt_handle: str, seconds: int) -> None:
        hidden_s.append(seconds)
        hide(queue, receipt_handle, seconds)

    def away(*_: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(imports.Queue, "hide", noted)
    with monkeypatch.context() as patch:
        patch.setattr(imports.S3Files, "open", away)
        for _ in range(3):
            importing.splits.once()
    importing.drain()
    assert hidden_s == [60, 240, 960]
    assert importing.report().registered == 700


def test_a_redrive_begins_what_failed_anew_and_leaves_what_was_refused(
    importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was refused would be refused again, and come back before the redrive has ended."""
    importing.tell(importing.put("imports/1/first.ndjson", ndjson_of(ROWS)))

    def away(*_: object) -> None:
        raise Unavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(imports.S3Files, "open", away)
        importing.drain()
    assert len(importing.stack.peek("ImportsDeadLetters")) == 1
    for event in (importing.put("imports/99/a.csv", b"x"), "{}"):
        importing.tell(event)
    importing.drain()
    assert importing.night.redrive(tenant_id=2).others == 1
    redriven = importing.night.redrive()
    assert (redriven.messages, redriven.tenants) == (1, {1})
    assert sorted(redriven.unreadable) == ["source: Field required", "there is no tenant 99"]
    importing.drain()
    assert importing.report().registered == 700
    assert set(importing.dead("ImportsDeadLetters").values()) == set(redriven.unreadable)


def test_no_log_line_holds_a_key_or_a_line_id(
    importing: Importing, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    rows = [*ROWS[:3], {"external_key": "key 9", "line_user_id": SECRET}, {"external_key": "key 1"}]
    importing.tell(importing.put("imports/1/first.ndjson", ndjson_of(rows)))
    importing.tell(importing.put("imports/1/key 7.ndjson", b""))
    importing.drain()
    written = capsys.readouterr().out + "".join(str(vars(record)) for record in caplog.records)
    assert "import ended" in written
    for hidden in (SECRET, "key 9", "key 7", line_id(1)):
        assert hidden not in written
