"""EventBridge Scheduler → dispatch_summaries: publish the summary of yesterday."""

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Metrics, Tracer
from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from yomawari import runtime
from yomawari.domain.summaries import yesterday_of
from yomawari.messages import SummaryStart
from yomawari.runtime import motivations

logger = runtime.logger()
metrics = Metrics()
tracer = Tracer(auto_patch=False)


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
@event_parser(model=SummaryStart)
def handler(event: SummaryStart, context: LambdaContext) -> dict[str, Any]:
    """Dispatch the summary of the day before the scheduled time; started twice, nobody gets two.

    Started before that day is closed it fails, so that the alarm rings: what came later would be in no summary.
    """
    day = yesterday_of(event.scheduled_time)
    dispatched = asdict(motivations.dispatch_summaries()(day, even_open=event.even_open))
    runtime.add_counts(metrics, {f"dispatched_{name}": number for name, number in dispatched.items()})
    logger.info("summary dispatched", extra={"day": day.isoformat(), **dispatched})
    return {"day": day.isoformat(), **dispatched}
