"""EventBridge Scheduler → dispatch_checks: start the nightly round."""

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Metrics, Tracer
from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from yomawari import runtime
from yomawari.domain.runs import run_id_of
from yomawari.messages import Scheduled

logger = runtime.logger()
metrics = Metrics()
tracer = Tracer(auto_patch=False)


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
@event_parser(model=Scheduled)
def handler(event: Scheduled, context: LambdaContext) -> dict[str, Any]:
    """Dispatch the run of the scheduled time; started twice, or again after a failure, it changes nothing twice."""
    run_id = run_id_of(event.scheduled_time)
    logger.append_keys(run_id=run_id)
    dispatched = runtime.dispatch_checks()(run_id)
    runtime.add_counts(metrics, {f"dispatched_{name}": number for name, number in asdict(dispatched).items()})
    logger.info("dispatched", extra=asdict(dispatched))
    return {"run_id": run_id, **asdict(dispatched)}
