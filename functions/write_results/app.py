"""SQS writes → write_results: apply answers and targets to MySQL; the only writer of both."""

from aws_lambda_powertools import Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from yomawari import runtime
from yomawari.messages import CheckResults, Malformed, Write, read_write
from yomawari.usecases.motivation_ports import Recorded
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
    message = read_write(record.body)
    outcome = message if isinstance(message, Malformed) else apply(message)
    if isinstance(outcome, Malformed | Refused):
        put_aside(record, outcome.reason)
    else:
        count(outcome)


def apply(message: Write) -> Settled | Recorded | Refused:
    """Each kind of message has its use case."""
    return runtime.write_results()(message) if isinstance(message, CheckResults) else runtime.record_targets()(message)


def put_aside(record: SQSRecord, reason: str) -> None:
    """Move a message to the dead-letter queue at once, not after five tries."""
    logger.error("message cannot be applied", extra={"message_id": record.message_id, "reason": reason})
    runtime.writes_dead_letters().send([Outgoing(record.body, attributes={"reason": reason})])


def count(outcome: Settled | Recorded) -> None:
    """Figures per message."""
    if isinstance(outcome, Recorded):
        metrics.add_metric("TargetsRecorded", MetricUnit.Count, outcome.targets)
        return
    metrics.add_metric("Settled", MetricUnit.Count, outcome.friend + outcome.not_friend + outcome.invalid)
    metrics.add_metric("SettledAsFailed", MetricUnit.Count, outcome.failed)
    metrics.add_metric("Recovered", MetricUnit.Count, outcome.recovered)
