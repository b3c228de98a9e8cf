"""Bad input: what cannot be read goes to the dead-letter queue at once, with the reason, and disturbs nobody else."""

import json
import re
from typing import Any

import pytest

from tests.support.night import RUN, Night
from tests.support.pump import Context, event_of

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

CHUNK: dict[str, Any] = {"run_id": RUN, "tenant_id": 1, "chunk": 0, "seekers": [[100001, "U" + "a" * 32]]}
RESULTS: dict[str, Any] = {
    "kind": "check_results",
    "run_id": RUN,
    "tenant_id": 1,
    "observed_at": "2026-11-21T17:00:05Z",
    "friend": [100001],
}
BAD_CHUNKS = {
    "cut off": '{"version":1,"run_id":2026',
    "no object": "[]",
    "unknown version": json.dumps(CHUNK | {"version": 2}),
    "unknown kind": json.dumps(CHUNK | {"kind": "check_results"}),
    "unknown field": json.dumps(CHUNK | {"colour": "red"}),
    "nobody": json.dumps(CHUNK | {"seekers": []}),
    "too many": json.dumps(CHUNK | {"seekers": [[n, "U1"] for n in range(1, 1_002)]}),
    "wrong type": json.dumps(CHUNK | {"tenant_id": "first"}),
    "oversized": json.dumps(CHUNK | {"reason": "x" * 65_536}),
}
BAD_RESULTS = {
    "cut off": '{"version":1,',
    "unknown version": json.dumps(RESULTS | {"version": 99}),
    "unknown field": json.dumps(RESULTS | {"colour": "red"}),
    "no time zone": json.dumps(RESULTS | {"observed_at": "2026-11-21T17:00:05"}),
    "oversized": json.dumps(RESULTS | {"reason": "x" * 65_536}),
    "no such tenant in the run": json.dumps(RESULTS | {"tenant_id": 77}),
}


def put_aside(night: Night, queue: str) -> dict[str, str]:
    """The bodies in a dead-letter queue, with their reasons."""
    return {
        message["Body"]: message["MessageAttributes"]["reason"]["StringValue"] for message in night.stack.peek(queue)
    }


def test_chunks_that_cannot_be_read_are_put_aside_and_the_rest_of_the_batch_is_checked(night: Night) -> None:
    night.seed({1: 150, 2: 50})
    for body in BAD_CHUNKS.values():
        night.stack.sqs.send_message(QueueUrl=night.stack.url("FriendChecks"), MessageBody=body)
    night.dispatch()
    night.checks.batch_size = 10
    night.drain()
    night.settled()
    aside = put_aside(night, "FriendChecksDeadLetters")
    assert set(aside) == set(BAD_CHUNKS.values())
    assert all(aside.values())
    assert aside[BAD_CHUNKS["unknown version"]] == "version: Input should be 1"
    assert aside[BAD_CHUNKS["oversized"]].endswith("more than 65536")


def test_results_that_cannot_be_applied_are_put_aside_and_the_rest_of_the_batch_is_written(night: Night) -> None:
    night.seed({1: 150, 2: 50})
    night.dispatch()
    for body in BAD_RESULTS.values():
        night.stack.sqs.send_message(QueueUrl=night.stack.url("Writes"), MessageBody=body)
    night.checks.once()
    night.drain()
    night.settled()
    aside = put_aside(night, "WritesDeadLetters")
    assert set(aside) == set(BAD_RESULTS.values())
    assert all(aside.values())
    assert aside[BAD_RESULTS["no such tenant in the run"]] == f"no tenant 77 in run {RUN}"


def test_a_bad_message_is_done_with_at_its_first_delivery(night: Night) -> None:
    message = {"MessageId": "1", "ReceiptHandle": "1", "Body": "{", "MD5OfBody": ""}
    for function in ("CheckFriends", "WriteResults"):
        answer = night.container.invoke(function, event_of([message]), Context())
        assert answer == {"batchItemFailures": []}
    assert put_aside(night, "FriendChecksDeadLetters").keys() == put_aside(night, "WritesDeadLetters").keys() == {"{"}


def test_a_bad_message_stays_when_it_cannot_be_put_aside(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it comes again, and the queue's own redrive policy moves it after five times."""
    monkeypatch.setattr("yomawari.adapters.sqs._CAP_US", 1)
    messages = [{"MessageId": name, "ReceiptHandle": name, "Body": "{", "MD5OfBody": ""} for name in "ab"]
    for function, queue in (("CheckFriends", "FriendChecksDeadLetters"), ("WriteResults", "WritesDeadLetters")):
        night.stack.sqs.delete_queue(QueueUrl=night.stack.url(queue))
        answer = night.container.invoke(function, event_of(messages), Context())
        assert sorted(failure["itemIdentifier"] for failure in answer["batchItemFailures"]) == ["a", "b"]


def test_an_id_that_cannot_be_one_is_settled_as_invalid_and_never_asked(night: Night) -> None:
    night.seed({1: 400, 2: 80})
    night.dispatch()
    night.drain()
    books = night.settled()
    assert books.report.totals.invalid == 480 - night.askable() > 0
    assert night.asked().total() == night.askable()
    assert set(night.asked()) == {"200", "404"}


def test_a_tenant_without_a_token_is_skipped_and_every_other_finishes(night: Night) -> None:
    night.seed({1: 120, 2: 300, 3: 60}, without_token=frozenset({2}))
    night.dispatch()
    night.drain()
    books = night.settled()
    assert [(row.state, row.reason) for row in books.report.tenants] == [
        ("dispatched", None),
        ("skipped", "no token"),
        ("dispatched", None),
    ]
    assert "2" not in night.double.control.report().channels


def test_a_token_that_vanishes_in_the_night_fails_its_tenant_only_and_a_redrive_mends_it(night: Night) -> None:
    night.seed({1: 120, 2: 300})
    night.dispatch()
    night.take_token(2)
    night.drain()
    books = night.settled("completed_with_failures")
    assert {key[0] for key in books.failed()} == {2}
    assert books.report.tenants[1].reason == "no token"
    assert {chunk.reason for chunk in night.dead_chunks()} == {"no token"}
    night.put_token(2)
    night.redrive()
    night.drain()
    night.settled()


def test_no_log_line_holds_a_token_or_a_line_user_id(night: Night, caplog: pytest.LogCaptureFixture) -> None:
    night.seed({1: 150, 2: 50}, without_token=frozenset({2}))
    for body in BAD_CHUNKS.values():
        night.stack.sqs.send_message(QueueUrl=night.stack.url("FriendChecks"), MessageBody=body)
    night.dispatch()
    night.drain()
    lines = [str(vars(record)) for record in caplog.records]
    assert any("chunk checked" in line for line in lines)
    assert not [line for line in lines if re.search(r"double-\d|[Uu][0-9a-f]{32}", line)]
