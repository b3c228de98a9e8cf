"""SQS sweeps → sweep_followers: find out who is still a friend from a channel's list of followers."""

from dataclasses import asdict

from aws_lambda_powertools import Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import AsyncBatchProcessor, EventType, async_process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from yomawari import runtime
from yomawari.messages import FollowerSweep
from yomawari.runtime import sweeps
from yomawari.runtime.records import deadline_us, readable
from yomawari.usecases.sweep_followers import Swept

logger = runtime.logger()
metrics = Metrics()
tracer = Tracer(auto_patch=False)
processor = AsyncBatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False, logger=runtime.LOG)

STOP_BEFORE_TIMEOUT_MS = 60_000
"""What comes after the last page is a comparison with all of the tenant's job seekers: some 10 s for a million."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, object], context: LambdaContext) -> PartialItemFailureResponse:
    """Sweep the channel of each message; one that fails returns to the queue alone."""
    sweeps.sweep_followers()
    return async_process_partial_response(event, sweep_channel, processor, context)


async def sweep_channel(record: SQSRecord, lambda_context: LambdaContext) -> None:
    """Read one channel's list until some time before the function's deadline, and go on in a new message."""
    sweep = await readable(FollowerSweep, record, sweeps.sweep_queues().dead_letters)
    if sweep is not None:
        report(sweep, await sweeps.sweep_followers()(sweep, deadline_us(lambda_context, STOP_BEFORE_TIMEOUT_MS)))


def report(sweep: FollowerSweep, swept: Swept) -> None:
    """One line and one set of figures per sweep, at the level that the outcome deserves."""
    log = logger.error if swept.outcome == "failed" else logger.info if swept.seekers else logger.debug
    log("channel swept", extra={"run_id": sweep.run_id, "tenant_id": sweep.tenant_id, **asdict(swept)})
    figures = {"SweepCalls": swept.calls, "SweepRateLimited": swept.rate_limited, "SweepSeekers": swept.seekers}
    for name, count in figures.items():
        metrics.add_metric(name, MetricUnit.Count, count)
