"""SQS friend-checks → check_friends: ask LINE about the job seekers of a few chunks."""

from dataclasses import asdict

from aws_lambda_powertools import Metrics, Tracer
from aws_lambda_powertools.utilities.batch import AsyncBatchProcessor, EventType, async_process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from yomawari import runtime
from yomawari.messages import FriendCheckChunk
from yomawari.runtime.records import deadline_us, readable
from yomawari.usecases.checking import Checked

logger = runtime.logger()
metrics = Metrics()
tracer = Tracer(auto_patch=False)
processor = AsyncBatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False, logger=runtime.LOG)


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, object], context: LambdaContext) -> PartialItemFailureResponse:
    """Check every chunk of the batch at once; one that fails returns to the queue alone."""
    runtime.check_friends()
    runtime.friend_checks_dead_letters()
    return async_process_partial_response(event, check_chunk, processor, context)


async def check_chunk(record: SQSRecord, lambda_context: LambdaContext) -> None:
    """Check one chunk until shortly before the function's deadline."""
    chunk = await readable(FriendCheckChunk, record, runtime.friend_checks_dead_letters())
    if chunk is not None:
        report(chunk, await runtime.check_friends()(chunk, deadline_us(lambda_context)))


def report(chunk: FriendCheckChunk, checked: Checked) -> None:
    """One line and one set of figures per chunk, at the level that the outcome deserves."""
    counts = asdict(checked)
    log = logger.error if checked.failed else logger.debug if checked.deferred or checked.again else logger.info
    log("chunk checked", extra={"run_id": chunk.run_id, "tenant_id": chunk.tenant_id, "chunk": chunk.chunk, **counts})
    del counts["reason"]
    runtime.add_counts(metrics, counts)
