"""Starting a run, asking for its record, and watching how fast each channel is being asked."""

import json
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from tools.cli.target import Target
from yomawari.domain.runs import CHECK_EVERY_S, RunReport, TenantReport, run_id_of
from yomawari.messages import ReleaseHold

_ENDPOINTS: Final = ("profile", "followers")
_RATE_WINDOW_S: Final = 5.0
_WAIT: Final = f"one check begins every {CHECK_EVERY_S} s"


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


def check(target: Target, tenant_id: int, seeker_ids: Sequence[int]) -> int:
    """Ask LINE again now about a tenant's job seekers, or just these; says the run's id once it is dispatched.

    Raises:
        RunError: dispatch_checks failed, or had nothing to dispatch.
    """
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    asked = {"scheduled_time": now, "tenant_id": tenant_id, "job_seeker_ids": list(seeker_ids)}
    answer = target.client("lambda").invoke(
        FunctionName=target.outputs["DispatchChecksFunction"], Payload=json.dumps(asked)
    )
    payload: dict[str, Any] = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise RunError(f"dispatch_checks failed: {payload.get('errorMessage', payload)}")
    run_id: int = payload["run_id"]
    if payload["skipped"]:
        raise RunError(f"tenant {tenant_id} cannot be asked: no channel, or no token; `status {run_id}` shows which")
    if not payload["tenants"]:
        raise RunError(f"nothing was asked: there is no tenant {tenant_id}, or check {run_id} is under way: {_WAIT}")
    return run_id


def held(run: RunReport | None, run_id: int, tenant_id: int) -> TenantReport:
    """The record of a tenant that is held.

    Raises:
        RunError: there is no such run or tenant, or it is not held.
    """
    found = next((one for one in run.tenants if one.tenant_id == tenant_id), None) if run else None
    if found is None:
        raise RunError(f"there is no tenant {tenant_id} in run {run_id}")
    if found.valve != "held":
        raise RunError(f"tenant {tenant_id} of run {run_id} is not held but {found.valve}")
    return found


def release(target: Target, run_id: int, tenant_id: int, *, discard: bool) -> None:
    """Have the writer write a tenant's held losses, or drop them."""
    message = ReleaseHold(run_id=run_id, tenant_id=tenant_id, discard=discard)
    target.client("sqs").send_message(
        QueueUrl=target.outputs["WritesUrl"], MessageBody=message.model_dump_json(), MessageGroupId=str(tenant_id)
    )


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
        """Of the round's endpoints, added up: a channel is asked by one of them at a time."""
        items = (item for page in self._paginator.paginate(TableName=self._table) for item in page["Items"])
        permits: Counter[int] = Counter()
        for item in items:
            tenant_id, _, endpoint = item["channel_endpoint"]["S"].partition("#")
            if endpoint in _ENDPOINTS:
                permits[int(tenant_id)] += int(item.get("permits", {"N": "0"})["N"])
        return permits
