"""report_status: how far a run, a day or an import is; on its own schedule, whether the night's run has ended."""

from typing import Any

from aws_lambda_powertools import Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from yomawari import runtime
from yomawari.domain.runs import RunReport, run_id_of
from yomawari.messages import StatusQuestion
from yomawari.runtime import imports, motivations
from yomawari.usecases.report_import import UnknownImport
from yomawari.usecases.report_run import UnknownRun

logger = runtime.logger()
metrics = Metrics()
tracer = Tracer(auto_patch=False)


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
@event_parser(model=StatusQuestion)
def handler(event: StatusQuestion, context: LambdaContext) -> dict[str, Any]:
    """Answer `{"run_id": …}` with the run, `{"day": …}` with its notifications, `{"import_id": …}` with the import.

    On the schedule, say in a metric whether the night's run is unfinished.
    """
    if event.day is not None:
        return motivations.report_day().report(event.day).model_dump(mode="json")
    if event.import_id is not None:
        return of_import(event.import_id, event.errors_after)
    report = runtime.report_run()(event.run_id)
    if event.scheduled_time is not None:
        is_unfinished = not has_ended(report, event.scheduled_time)
        metrics.add_metric("RunUnfinished", MetricUnit.Count, int(is_unfinished))
        if is_unfinished:
            logger.error("the night's run has not ended in time", extra={"scheduled_time": event.scheduled_time})
    if isinstance(report, UnknownRun):
        return {"error": f"there is no run {report.run_id}"}
    return report.model_dump(mode="json")


def of_import(import_id: str, errors_after: int | None) -> dict[str, Any]:
    """An import with its first errors, or a page of its errors."""
    report = imports.report_import()(import_id, errors_after)
    if isinstance(report, UnknownImport):
        return {"error": f"there is no import {report.import_id}"}
    return report.model_dump(mode="json")


def has_ended(report: RunReport | UnknownRun, scheduled_time: str) -> bool:
    """Whether the latest run is the one of this night, and has ended."""
    if isinstance(report, UnknownRun):
        return False
    is_of_this_night = report.run_id // 10_000 == run_id_of(scheduled_time) // 10_000
    return is_of_this_night and report.ended_at is not None
