"""Sending to SQS in batches, with what SQS refuses for the moment sent again.

SendMessageBatch answers 200 though it refused some entries: each is looked at (SQS API reference, `Failed[]`).
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from yomawari.domain.backoff import full_jitter_us
from yomawari.usecases.ports import Outgoing, Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable

MAX_ENTRIES: Final = 10
MAX_BATCH_BYTES: Final = 1024 * 1024
TRIES: Final = 6
_BASE_US: Final = 100_000
_CAP_US: Final = 5_000_000


class UnsendableError(ValueError):
    """SQS says the fault is the sender's: sending the same again would be refused again."""


def batches(messages: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    """Cut messages, in order, into requests of at most 10 entries and 1 MiB together (attributes count)."""
    batch: list[Outgoing] = []
    room_bytes = MAX_BATCH_BYTES
    for message in messages:
        size_bytes = _size_bytes(message)
        if batch and (len(batch) == MAX_ENTRIES or size_bytes > room_bytes):
            yield batch
            batch, room_bytes = [], MAX_BATCH_BYTES
        batch.append(message)
        room_bytes -= size_bytes
    if batch:
        yield batch


class Queue:
    """A queue behind a boto3 SQS client; `sleep` takes seconds, `uniform` gives numbers in [0, 1)."""

    def __init__(
        self,
        client: Any,  # noqa: ANN401 - boto3 makes its clients at run time
        url: str,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._url = url
        self._sleep = sleep
        self._uniform = uniform

    def send(self, messages: Sequence[Outgoing]) -> None:
        """Send all of them, what SQS refuses for the moment again with backoff.

        Raises:
            UnsendableError: SQS blames the sender.
            Unavailable: SQS cannot be reached, or still refuses some after all tries. Any may have been sent.
        """
        for batch in batches(messages):
            left = batch
            for tries in range(1, TRIES + 1):
                left = self._send_once(left)
                if not left:
                    break
                self._sleep(_wait_s(tries, self._uniform()))
            else:
                raise Unavailable(f"SQS refused {len(left)} messages {TRIES} times")

    def hide(self, receipt_handle: str, seconds: int) -> None:
        """Hide a message that was received for so long from now, instead of for what is left of its visibility timeout.

        Raises:
            Unavailable: SQS cannot be reached.
        """
        try:
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
            )
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"SQS: {error}") from error

    def _send_once(self, batch: list[Outgoing]) -> list[Outgoing]:
        try:
            answer = self._client.send_message_batch(QueueUrl=self._url, Entries=_entries(batch))
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"SQS: {error}") from error
        return _refused(batch, answer)


class AsyncQueue:
    """A queue behind an aiobotocore SQS client; `sleep` takes seconds, `uniform` gives numbers in [0, 1)."""

    def __init__(
        self,
        client: Any,  # noqa: ANN401 - aiobotocore makes its clients at run time
        url: str,
        sleep: "Callable[[float], Awaitable[None]]" = asyncio.sleep,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._url = url
        self._sleep = sleep
        self._uniform = uniform

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """What `Queue.send` promises, without blocking the event loop."""
        for batch in batches(messages):
            left = batch
            for tries in range(1, TRIES + 1):
                left = await self._send_once(left)
                if not left:
                    break
                await self._sleep(_wait_s(tries, self._uniform()))
            else:
                raise Unavailable(f"SQS refused {len(left)} messages {TRIES} times")

    async def _send_once(self, batch: list[Outgoing]) -> list[Outgoing]:
        try:
            answer = await self._client.send_message_batch(QueueUrl=self._url, Entries=_entries(batch))
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"SQS: {error}") from error
        return _refused(batch, answer)


def _wait_s(tries: int, random_share: float) -> float:
    return full_jitter_us(tries, _BASE_US, _CAP_US, random_share) / 1_000_000


def _size_bytes(message: Outgoing) -> int:
    attributes = message.attributes or {}
    return len(message.body.encode()) + sum(
        len(name.encode()) + len(text.encode()) + len("String") for name, text in attributes.items()
    )


def _entries(batch: list[Outgoing]) -> list[dict[str, Any]]:
    return [_entry(number, message) for number, message in enumerate(batch)]


def _entry(number: int, message: Outgoing) -> dict[str, Any]:
    entry: dict[str, Any] = {"Id": str(number), "MessageBody": message.body}
    if message.delay_s:
        entry["DelaySeconds"] = message.delay_s
    if message.group is not None:
        entry["MessageGroupId"] = message.group
    if message.attributes:
        entry["MessageAttributes"] = {
            name: {"DataType": "String", "StringValue": text} for name, text in message.attributes.items()
        }
    return entry


def _refused(batch: list[Outgoing], answer: dict[str, Any]) -> list[Outgoing]:
    failed = answer.get("Failed", [])
    blamed = [failure["Code"] for failure in failed if failure["SenderFault"]]
    if blamed:
        raise UnsendableError(f"SQS refused {len(blamed)} messages: {', '.join(sorted(set(blamed)))}")
    return [batch[int(failure["Id"])] for failure in failed]
