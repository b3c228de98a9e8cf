"""A nightly run: its identity, whom it asks, and how it ends."""

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from yomawari.domain.valve import Valve

TOKYO: Final = timezone(timedelta(hours=9))
"""Asia/Tokyo has had no daylight saving time since 1951, so its offset needs no time zone database."""

NOT_FRIEND_NIGHTS: Final = 7
"""After so many nights of 404 running, a job seeker is asked on one weekday only."""

NIGHT_MINUTES: Final = 60
CHECK_EVERY_S: Final = 90
"""Minutes from 60 on stand for checks outside the round, each for so many seconds of its hour."""

LINKING: Final = timedelta(seconds=30)
"""So long the commit of another LINE id may come after its `linked_at`: a run that begins meanwhile may read the old
one."""

EndState = Literal["completed", "completed_with_failures", "completed_with_holds"]
RunState = Literal["dispatching", "running", "completed", "completed_with_failures", "completed_with_holds"]
TenantState = Literal["pending", "dispatched", "skipped", "closed", "held"]


class BadScheduledTimeError(ValueError):
    """The scheduled time is not a moment: no date and time, or no offset."""


class Counts(BaseModel):
    """Job seekers of a tenant or a run.

    Attributes:
        seekers: how many were dispatched; None until all chunks have been sent, and a guess until a sweep has counted.
        settled: how many LINE answered for: friends + not_friends + invalid.
        failed: how many LINE did not answer for in all attempts; their status is as it was before the run.
        passed_over: whom the run need not wait for: deleted, or settled by a later run, before it had an answer.
    """

    model_config = ConfigDict(frozen=True)

    seekers: int | None
    settled: int
    friends: int
    not_friends: int
    invalid: int
    failed: int
    passed_over: int


class TenantReport(Counts):
    """One tenant's share of a run; `reason` says why it was skipped, its channel closed, or its losses held.

    `valve` and `lost` say what became of the friends it lost (domain/valve.py); it had `friends_before`.
    """

    tenant_id: int
    name: str
    state: TenantState
    reason: str | None
    valve: Valve
    lost: int
    friends_before: int


class RunReport(BaseModel):
    """A run and its tenants, by tenant id."""

    model_config = ConfigDict(frozen=True)

    run_id: int
    state: RunState
    started_at: datetime
    dispatched_at: datetime | None
    ended_at: datetime | None
    totals: Counts
    tenants: list[TenantReport]


def run_id_of(scheduled_time: str) -> int:
    """The run's identity: its scheduled time as yyyymmddHHMM in Asia/Tokyo.

    Args:
        scheduled_time: ISO 8601 with an offset, as EventBridge Scheduler writes it: `2022-03-22T17:00:00Z`.

    Raises:
        BadScheduledTimeError: it is something else.
    """
    try:
        moment = datetime.fromisoformat(scheduled_time)
    except (ValueError, TypeError) as error:
        raise BadScheduledTimeError(f"not a date and time: {scheduled_time!r}") from error
    if moment.tzinfo is None:
        raise BadScheduledTimeError(f"a time without an offset: {scheduled_time!r}")
    return int(moment.astimezone(TOKYO).strftime("%Y%m%d%H%M"))


def check_id_of(moment: str) -> int:
    """The identity of a check outside the round: as a run's, with 60 to 99 in the minute's place.

    So it is after every night that was scheduled within its hour and before all of later hours, as run ids must grow;
    and never a night's own, which would find itself dispatched. An hour has 40 of them, one for each 90 seconds.

    Raises:
        BadScheduledTimeError: it is no moment.
    """
    hour, minute = divmod(run_id_of(moment), 100)
    seconds = minute * 60 + datetime.fromisoformat(moment).second
    return hour * 100 + NIGHT_MINUTES + seconds // CHECK_EVERY_S


def is_night(run_id: int) -> bool:
    """Whether the run is one of the round, and no check outside it."""
    return run_id % 100 < NIGHT_MINUTES


def weekday_of(run_id: int) -> int:
    """The weekday of the run in Asia/Tokyo, Monday being 0: those long unreachable with `id % 7` of it are asked."""
    return datetime.strptime(str(run_id // 10_000), "%Y%m%d").replace(tzinfo=TOKYO).weekday()


def end_of(failed: int, held: int) -> EndState:
    """How a run has ended of whose tenants each is complete: with how many `failed`, and tenants whose losses are held.

    Holds go before failures: they are what somebody must decide.
    """
    if held:
        return "completed_with_holds"
    return "completed_with_failures" if failed else "completed"


def totals_of(tenants: Sequence[Counts]) -> Counts:
    """The sums; tenants whose chunks have not all been sent are missing in `seekers`."""
    return Counts(
        seekers=sum(tenant.seekers or 0 for tenant in tenants),
        settled=sum(tenant.settled for tenant in tenants),
        friends=sum(tenant.friends for tenant in tenants),
        not_friends=sum(tenant.not_friends for tenant in tenants),
        invalid=sum(tenant.invalid for tenant in tenants),
        failed=sum(tenant.failed for tenant in tenants),
        passed_over=sum(tenant.passed_over for tenant in tenants),
    )
