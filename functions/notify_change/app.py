"""SQS motivation-changes → notify_change: tell changes to their audiences."""

from dataclasses import asdict

from aws_lambda_powertools import Metrics, Tracer
from aws_lambda_powertools.utilities.batch import AsyncBatchProcessor, EventType, async_process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from yomawari import runtime
from yomawari.domain.motivations import ChangerGone
from yomawari.messages import MotivationChanged
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
    """Tell every change of the batch at once; one that fails returns to the queue alone."""
    motivations.notify_change()
    motivations.motivation_changes_dead_letters()
    return async_process_partial_response(event, notify, processor, context)


async def notify(record: SQSRecord, lambda_context: LambdaContext) -> None:
    """Tell one change until shortly before the function's deadline."""
    event = await readable(MotivationChanged, record, motivations.motivation_changes_dead_letters())
    if event is not None:
        report(event, await motivations.notify_change()(event, deadline_us(lambda_context)))


def report(event: MotivationChanged, outcome: Sent | ChangerGone) -> None:
    """One line and one set of figures per change, at the level that the outcome deserves."""
    key = {"kind": event.kind, "history_id": event.history_id, "tenant_id": event.tenant_id}
    if isinstance(outcome, ChangerGone):
        logger.info("nobody is told: the changer is gone", extra=key)
        return
    counts = asdict(outcome)
    is_lost = outcome.failed or outcome.expired
    log = logger.error if is_lost else logger.debug if outcome.deferred or outcome.again else logger.info
    log("change told", extra={**key, **counts})
    del counts["reason"]
    runtime.add_counts(metrics, counts)
