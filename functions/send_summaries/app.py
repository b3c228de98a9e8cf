"""SQS summaries → send_summaries: push the summaries of a few chunks, each exactly once."""

from dataclasses import asdict

from aws_lambda_powertools import Metrics, Tracer
from aws_lambda_powertools.utilities.batch import AsyncBatchProcessor, EventType, async_process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from yomawari import runtime
from yomawari.messages import SummaryChunk
from yomawari.runtime import motivations
from yomawari.runtime.records import deadline_us, readable
from yomawari.usecases.follow_up import Sent

logger = runtime.logger()
metrics = Metrics()
tracer = Tracer(auto_patch=False)
processor = AsyncBatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False, logger=runtime.LOG)


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
    chunk = await readable(SummaryChunk, record, motivations.summaries_dead_letters())
    if chunk is not None:
        report(chunk, await motivations.send_summaries()(chunk, deadline_us(lambda_context)))


def report(chunk: SummaryChunk, outcome: Sent) -> None:
    """One line and one set of figures per chunk, at the level that the outcome deserves."""
    counts = asdict(outcome)
    is_lost = outcome.failed or outcome.expired
    log = logger.error if is_lost else logger.debug if outcome.deferred or outcome.again else logger.info
    log("summaries sent", extra={"day": chunk.day.isoformat(), "tenant_id": chunk.tenant_id, **counts})
    del counts["reason"]
    runtime.add_counts(metrics, counts)
