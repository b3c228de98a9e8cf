"""SQS summaries → send_summaries: push the summaries of a few chunks, each exactly once."""

from dataclasses import asdict

from aws_lambda_powertools import Metrics, Tracer
from aws_lambda_powertools.utilities.batch import AsyncBatchProcessor, EventType, async_process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from yomawari import runtime
from yomawari.messages import Malformed, SummaryChunk, read
from yomawari.runtime import motivations
from yomawari.usecases.follow_up import Sent
from yomawari.usecases.ports import Outgoing

logger = runtime.logger()
metrics = Metrics()
tracer = Tracer(auto_patch=False)
processor = AsyncBatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False, logger=runtime.LOG)

STOP_BEFORE_TIMEOUT_MS = 10_000


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, object], context: LambdaContext) -> PartialItemFailureResponse:
    """Send every chunk of the batch at once; one that fails returns to the queue alone."""
    motivations.send_summaries()
    motivations.summaries_dead_letters()
    return async_process_partial_response(event, send, processor, context)


async def send(record: SQSRecord, lambda_context: LambdaContext) -> None:
    """Send one chunk until shortly before the function's deadline."""
    chunk = read(SummaryChunk, record.body)
    if isinstance(chunk, Malformed):
        logger.error("chunk cannot be read", extra={"message_id": record.message_id, "reason": chunk.reason})
        await motivations.summaries_dead_letters().send([Outgoing(record.body, attributes={"reason": chunk.reason})])
        return
    left_ms = lambda_context.get_remaining_time_in_millis() - STOP_BEFORE_TIMEOUT_MS
    report(chunk, await motivations.send_summaries()(chunk, runtime.now_us() + left_ms * 1000))


def report(chunk: SummaryChunk, outcome: Sent) -> None:
    """One line and one set of figures per chunk, at the level that the outcome deserves."""
    counts = asdict(outcome)
    is_lost = outcome.failed or outcome.expired
    log = logger.error if is_lost else logger.debug if outcome.deferred or outcome.again else logger.info
    log("summaries sent", extra={"day": chunk.day.isoformat(), "tenant_id": chunk.tenant_id, **counts})
    del counts["reason"]
    runtime.add_counts(metrics, counts)
