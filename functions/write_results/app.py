"""SQS writes → write_results: apply answers to MySQL; the only writer of statuses."""

from aws_lambda_powertools import Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from yomawari import runtime
from yomawari.messages import CheckResults, Malformed, read
from yomawari.usecases.ports import Outgoing, Refused, Settled

logger = runtime.logger()
metrics = Metrics()
tracer = Tracer(auto_patch=False)
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False, logger=runtime.LOG)


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, object], context: LambdaContext) -> PartialItemFailureResponse:
    """Apply each message in a transaction of its own; one that fails returns to the queue alone."""
    return process_partial_response(event, write, processor, context)


def write(record: SQSRecord) -> None:
    """Apply one message, or put it aside with the reason when it can never be applied."""
    results = read(CheckResults, record.body)
    if isinstance(results, Malformed):
        put_aside(record, results.reason)
        return
    settled = runtime.write_results()(results)
    if isinstance(settled, Refused):
        put_aside(record, settled.reason)
        return
    count(settled)


def put_aside(record: SQSRecord, reason: str) -> None:
    """Move a message to the dead-letter queue at once, not after five tries."""
    logger.error("results cannot be applied", extra={"message_id": record.message_id, "reason": reason})
    runtime.writes_dead_letters().send([Outgoing(record.body, attributes={"reason": reason})])


def count(settled: Settled) -> None:
    """Figures per message."""
    metrics.add_metric("Settled", MetricUnit.Count, settled.friend + settled.not_friend + settled.invalid)
    metrics.add_metric("SettledAsFailed", MetricUnit.Count, settled.failed)
    metrics.add_metric("Recovered", MetricUnit.Count, settled.recovered)
