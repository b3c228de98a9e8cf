"""SQS imports → split_import: cut a file that S3 says was put into chunks of rows."""

from aws_lambda_powertools import Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from yomawari import runtime
from yomawari.domain.backoff import hidden_s
from yomawari.messages import Malformed, read
from yomawari.messages.s3 import ObjectCreated
from yomawari.runtime import imports
from yomawari.usecases.ports import Outgoing, Refused, Unavailable
from yomawari.usecases.split_import import Split

logger = runtime.logger()
metrics = Metrics()
tracer = Tracer(auto_patch=False)
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False, logger=runtime.LOG)


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, object], context: LambdaContext) -> PartialItemFailureResponse:
    """Cut each file; one that fails returns to the queue, and is begun anew."""
    return process_partial_response(event, split, processor, context)


def split(record: SQSRecord) -> None:
    """Cut one file, or put the message aside with the reason when it can never be an import.

    Raises:
        Unavailable: something outside is away; the message comes again soon.
    """
    created = read(ObjectCreated, record.body)
    try:
        outcome = created if isinstance(created, Malformed) else imports.split_import()(created)
    except Unavailable:
        # Otherwise it would come again after the whole visibility timeout: six times 900 s.
        receives = int(record.attributes.approximate_receive_count)
        imports.imports_queue().hide(record.receipt_handle, hidden_s(receives))
        raise
    if isinstance(outcome, Malformed | Refused):
        logger.error("file is refused", extra={"message_id": record.message_id, "reason": outcome.reason})
        imports.imports_dead_letters().send([Outgoing(record.body, attributes={"reason": outcome.reason})])
    else:
        report(outcome)


def report(done: Split) -> None:
    """One line and one set of figures per file; that a file cannot be read is its sender's business, no fault here."""
    counts = {"rows": done.rows, "rejected": done.rejected, "chunks": done.chunks}
    logger.info("file cannot be read" if done.reason else "file cut", extra=counts)
    metrics.add_metric("RowsRead", MetricUnit.Count, done.rows)
    metrics.add_metric("RowsRejected", MetricUnit.Count, done.rejected)
    metrics.add_metric("FilesRejected", MetricUnit.Count, int(done.reason is not None))
