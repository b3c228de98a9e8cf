import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from yomawari.adapters.sqs import MAX_BATCH_BYTES, MAX_ENTRIES, TRIES, AsyncQueue, Queue, UnsendableError, batches
from yomawari.usecases.ports import Outgoing, Unavailable

Answer = dict[str, Any] | Exception


class ClientStub:
    """Answers from a script, and keeps what it was asked."""

    def __init__(self, answers: list[Answer]) -> None:
        self.answers = answers
        self.bodies: list[list[str]] = []

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert QueueUrl == "url"
        self.bodies.append([entry["MessageBody"] for entry in Entries])
        answer = self.answers.pop(0) if self.answers else {"Successful": []}
        if isinstance(answer, Exception):
            raise answer
        return answer


class AsyncClientStub(ClientStub):
    async def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # type: ignore[override]  # noqa: N803
        return super().send_message_batch(QueueUrl, Entries)


Send = Callable[[list[Answer], list[Outgoing]], tuple[list[list[str]], list[float]]]


def send_sync(answers: list[Answer], messages: list[Outgoing]) -> tuple[list[list[str]], list[float]]:
    slept: list[float] = []
    client = ClientStub(answers)
    Queue(client, "url", slept.append, lambda: 0.5).send(messages)
    return client.bodies, slept


def send_async(answers: list[Answer], messages: list[Outgoing]) -> tuple[list[list[str]], list[float]]:
    slept: list[float] = []
    client = AsyncClientStub(answers)

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    asyncio.run(AsyncQueue(client, "url", sleep, lambda: 0.5).send(messages))
    return client.bodies, slept


@pytest.fixture(params=[send_sync, send_async], ids=["sync", "async"])
def send(request: pytest.FixtureRequest) -> Send:
    return request.param  # type: ignore[no-any-return]


def refused(*ids: int, sender_fault: bool = False) -> dict[str, Any]:
    return {"Failed": [{"Id": str(number), "SenderFault": sender_fault, "Code": "Oops"} for number in ids]}


def test_only_what_was_refused_is_sent_again_with_growing_waits(send: Send) -> None:
    messages = [Outgoing("a"), Outgoing("b"), Outgoing("c")]
    bodies, slept = send([refused(0, 2), refused(1)], messages)
    assert bodies == [["a", "b", "c"], ["a", "c"], ["c"]]
    assert slept == [0.05, 0.1]


def test_what_stays_refused_is_unavailable(send: Send) -> None:
    with pytest.raises(Unavailable, match="refused 1 messages"):
        send([refused(0)] * TRIES, [Outgoing("a")])


def test_the_senders_own_fault_is_raised_at_once(send: Send) -> None:
    with pytest.raises(UnsendableError, match="Oops"):
        send([refused(0, sender_fault=True)], [Outgoing("a")])


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="http://127.0.0.1"),
        ClientError({"Error": {"Code": "Throttled", "Message": ""}}, "SendMessageBatch"),
    ],
)
def test_an_unreachable_queue_is_unavailable(send: Send, error: Exception) -> None:
    with pytest.raises(Unavailable, match="SQS"):
        send([error], [Outgoing("a")])


def test_nothing_to_send_sends_nothing(send: Send) -> None:
    assert send([], []) == ([], [])


@given(st.lists(st.builds(Outgoing, st.sampled_from(["a", "é" * 60_000, "x" * MAX_BATCH_BYTES])), max_size=40))
def test_batches_keep_order_and_limits(messages: list[Outgoing]) -> None:
    cut = list(batches(messages))
    assert [message for batch in cut for message in batch] == messages
    assert all(len(batch) <= MAX_ENTRIES for batch in cut)
    assert all(sum(len(message.body.encode()) for message in batch) <= MAX_BATCH_BYTES for batch in cut)


def test_attributes_take_room() -> None:
    half = Outgoing("x" * (MAX_BATCH_BYTES // 2))
    assert len(list(batches([half, half]))) == 1
    assert len(list(batches([half, Outgoing(half.body, attributes={"reason": "y"})]))) == 2
