"""What every function that works on a queue with an event loop does with a record."""

from typing import Final, TypeVar

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from yomawari import runtime
from yomawari.messages import Malformed, Message, read
from yomawari.usecases.ports import AsyncOutbox, Outgoing

M = TypeVar("M", bound=Message)

STOP_BEFORE_TIMEOUT_MS: Final = 10_000


async def readable(model: type[M], record: SQSRecord, dead_letters: AsyncOutbox) -> M | None:
    """The record's message; or None when it can never be read: then it is in the dead-letter queue, with the reason."""
    message = read(model, record.body)
    if not isinstance(message, Malformed):
        return message
    runtime.LOG.error("message cannot be read", extra={"message_id": record.message_id, "reason": message.reason})
    await dead_letters.send([Outgoing(record.body, attributes={"reason": message.reason})])
    return None


def deadline_us(context: LambdaContext, stop_before_ms: int = STOP_BEFORE_TIMEOUT_MS) -> int:
    """When to stop, in µs since the epoch: so long before the function's own timeout, to hand everything on."""
    left_ms = context.get_remaining_time_in_millis() - stop_before_ms
    return runtime.now_us() + left_ms * 1000
