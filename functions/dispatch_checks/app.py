"""EventBridge Scheduler → dispatch_checks: start the nightly round."""

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Metrics, Tracer
from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from yomawari import runtime
from yomawari.domain.runs import check_id_of, run_id_of
from yomawari.messages import RoundStart
from yomawari.usecases.ports import Scope

logger = runtime.logger()
metrics = Metrics()
tracer = Tracer(auto_patch=False)


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
@event_parser(model=RoundStart)
def handler(event: RoundStart, context: LambdaContext) -> dict[str, Any]:
    """Dispatch the run of the scheduled time; started twice, or again after a failure, it changes nothing twice.

    With a tenant it is a check outside the round, of that tenant or of a few of its job seekers.
    """
    scope = Scope(event.tenant_id, tuple(event.job_seeker_ids)) if event.tenant_id is not None else None
    run_id = run_id_of(event.scheduled_time) if scope is None else check_id_of(event.scheduled_time)
    logger.append_keys(run_id=run_id)
    dispatched = runtime.dispatch_checks()(run_id, scope)
    runtime.add_counts(metrics, {f"dispatched_{name}": number for name, number in asdict(dispatched).items()})
    logger.info("dispatched", extra=asdict(dispatched))
    return {"run_id": run_id, **asdict(dispatched)}
