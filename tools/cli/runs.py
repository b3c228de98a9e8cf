"""Starting a run, asking for its record, and watching how fast each channel is being asked."""

import json
import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from tools.cli.target import Target
from yomawari.domain.runs import RunReport, run_id_of

_RATE_WINDOW_S: Final = 5.0


class RunError(RuntimeError):
    """The stack refused or failed to answer; the message is its own."""


def start(target: Target, scheduled_time: str | None = None) -> int:
    """Start a run as the schedule does, now or for a given time, and say its id. It goes on without this command."""
    scheduled_time = scheduled_time or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:00Z")
    run_id = run_id_of(scheduled_time)
    target.client("lambda").invoke(
        FunctionName=target.outputs["DispatchChecksFunction"],
        InvocationType="Event",
        Payload=json.dumps({"scheduled_time": scheduled_time}),
    )
    return run_id


def report(target: Target, run_id: int | str = "latest") -> RunReport | None:
    """A run's record; None while there is no such run.

    Raises:
        RunError: report_status failed.
    """
    payload = ask_status(target, {"run_id": run_id})
    return None if "error" in payload else RunReport.model_validate(payload)


def ask_status(target: Target, question: Mapping[str, int | str]) -> dict[str, Any]:
    """What report_status answers.

    Raises:
        RunError: it failed.
    """
    answer = target.client("lambda").invoke(
        FunctionName=target.outputs["ReportStatusFunction"], Payload=json.dumps(question)
    )
    payload: dict[str, Any] = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise RunError(f"report_status failed: {payload.get('errorMessage', payload)}")
    return payload


class CallRates:
    """Calls a second on each channel, over the last seconds, read from the gate's own count of permits."""

    def __init__(self, target: Target) -> None:
        self._paginator = target.client("dynamodb").get_paginator("scan")
        self._table = target.outputs["GateTableName"]
        self._looks: deque[tuple[float, dict[int, int]]] = deque()

    def now(self) -> dict[int, float]:
        """By tenant id; a channel that was not seen before counts from nothing."""
        self._looks.append((time.monotonic(), self._permits()))
        while len(self._looks) > 2 and self._looks[-1][0] - self._looks[0][0] > _RATE_WINDOW_S:
            self._looks.popleft()
        (before_s, before), (now_s, now) = self._looks[0], self._looks[-1]
        took_s = max(now_s - before_s, 0.001)
        return {tenant: (permits - before.get(tenant, 0)) / took_s for tenant, permits in now.items()}

    def _permits(self) -> dict[int, int]:
        items = (item for page in self._paginator.paginate(TableName=self._table) for item in page["Items"])
        return {
            int(item["channel_endpoint"]["S"].partition("#")[0]): int(item["permits"]["N"])
            for item in items
            if "permits" in item
        }
