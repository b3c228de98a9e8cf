"""SQS writes → write_results: apply answers, releases and targets to MySQL; the only writer of all of them."""

from functools import cached_property

from aws_lambda_powertools import Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSEvent, SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from yomawari import runtime
from yomawari.messages import Malformed, TargetsRecorded, read_write
from yomawari.usecases.motivation_ports import Recorded
from yomawari.usecases.ports import Outgoing, Refused, Released, Settled
from yomawari.usecases.write_results import figures_of

logger = runtime.logger()
metrics = Metrics()
tracer = Tracer(auto_patch=False)
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False, logger=runtime.LOG)


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, object], context: LambdaContext) -> PartialItemFailureResponse:
    """Apply each message in a transaction of its own, all targets in one; what fails returns to the queue alone."""
    return process_partial_response(event, Batch(event).write, processor, context)


class Batch:
    """The messages of one invocation, by message id."""

    def __init__(self, event: dict[str, object]) -> None:
        self._messages = {record.message_id: read_write(record.body) for record in SQSEvent(event).records}

    def write(self, record: SQSRecord) -> None:
        """Apply one message, or put it aside with the reason when it can never be applied."""
        outcome = self._apply(record.message_id)
        if isinstance(outcome, Malformed | Refused):
            put_aside(record, outcome.reason)
        else:
            count(outcome)

    def _apply(self, message_id: str) -> Settled | Released | Recorded | Refused | Malformed:
        match self._messages[message_id]:
            case Malformed() as malformed:
                return malformed
            case TargetsRecorded():
                return self._recorded[message_id]
            case answers_or_release:
                return runtime.write_results()(answers_or_release)

    @cached_property
    def _recorded(self) -> dict[str, Recorded | Refused]:
        """What became of all targets; while that fails, the next message that asks tries it again."""
        told = {key: message for key, message in self._messages.items() if isinstance(message, TargetsRecorded)}
        return dict(zip(told, runtime.record_targets()(list(told.values())), strict=True))


def put_aside(record: SQSRecord, reason: str) -> None:
    """Move a message to the dead-letter queue at once, not after five tries."""
    logger.error("message cannot be applied", extra={"message_id": record.message_id, "reason": reason})
    runtime.writes_dead_letters().send([Outgoing(record.body, attributes={"reason": reason})])


def count(outcome: Settled | Released | Recorded) -> None:
    """Figures per message."""
    for name, figure in figures_of(outcome).items():
        metrics.add_metric(name, MetricUnit.Count, figure)
