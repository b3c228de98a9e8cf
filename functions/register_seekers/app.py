"""SQS registrations → register_seekers: register the rows of an import, a transaction a chunk."""

from dataclasses import asdict

from aws_lambda_powertools import Metrics, Tracer
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from yomawari import runtime
from yomawari.messages import Malformed, RegistrationChunk, read
from yomawari.runtime import imports
from yomawari.usecases.ports import Outgoing, Refused

logger = runtime.logger()
metrics = Metrics()
tracer = Tracer(auto_patch=False)
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False, logger=runtime.LOG)


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, object], context: LambdaContext) -> PartialItemFailureResponse:
    """Register each chunk in a transaction of its own; one that fails returns to the queue alone."""
    return process_partial_response(event, register, processor, context)


def register(record: SQSRecord) -> None:
    """Register one chunk, or put it aside with the reason when it can never be registered."""
    chunk = read(RegistrationChunk, record.body)
    outcome = chunk if isinstance(chunk, Malformed) else imports.register_seekers()(chunk)
    if isinstance(outcome, Malformed | Refused):
        logger.error("chunk cannot be registered", extra={"message_id": record.message_id, "reason": outcome.reason})
        imports.registrations_dead_letters().send([Outgoing(record.body, attributes={"reason": outcome.reason})])
        return
    runtime.add_counts(metrics, {f"rows_{name}": number for name, number in asdict(outcome).items()})
