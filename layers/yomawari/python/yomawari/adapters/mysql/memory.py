"""The fake beside the MySQL stores: a round in memory, which passes the same contract tests."""

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from yomawari.adapters.mysql.memory_rows import AccountRow, Answer, Change, Loss, RunRow, TenantRow
from yomawari.adapters.mysql.memory_valve import forget, let_through, take_back, write
from yomawari.domain.runs import (
    NOT_FRIEND_NIGHTS,
    EndState,
    RunReport,
    TenantReport,
    end_of,
    is_night,
    totals_of,
    weekday_of,
)
from yomawari.domain.valve import Bounds, decided, told
from yomawari.domain.ways import Channel
from yomawari.messages import CheckResults, ReleaseHold, RunCompleted, TenantHeld
from yomawari.usecases.ports import Account, Refused, Released, Scope, Settled, WaitingTenant

__all__ = ["AccountRow", "Change", "RoundInMemory", "RunRow", "TenantRow"]


@dataclass
class RoundInMemory:
    """Every store of the round at once; tests look into the tables and fill them.

    `channels` holds each channel's rate by tenant, `bounds` and `ways` what else is said of it, where anything is;
    `accounts_by_key` is keyed by (tenant, job seeker).
    """

    tenants: dict[int, str] = field(default_factory=dict)
    channels: dict[int, int | None] = field(default_factory=dict)
    bounds: dict[int, Bounds] = field(default_factory=dict)
    ways: dict[int, Channel] = field(default_factory=dict)
    accounts_by_key: dict[tuple[int, int], AccountRow] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    runs: dict[int, RunRow] = field(default_factory=dict)

    def begin(self, run_id: int, now: datetime, scope: Scope | None = None) -> bool:
        """Write the run and its tenants down if they are not; False when all was dispatched before."""
        run = self.runs.setdefault(run_id, RunRow(now))
        if run.dispatched_at is not None:
            return False
        for tenant_id in self.tenants:
            if scope is not None and tenant_id != scope.tenant_id:
                continue
            among = scope.seeker_ids if scope else ()
            friends = sum(
                row.friend_status == "friend" and (not among or key[1] in among)
                for key, row in self.accounts_by_key.items()
                if key[0] == tenant_id
            )
            fresh = TenantRow(friends_before=friends, bounds=self.bounds.get(tenant_id, Bounds()))
            run.tenants.setdefault(tenant_id, fresh)
        return True

    def waiting(self, run_id: int) -> list[WaitingTenant]:
        """The tenants that are neither skipped nor wholly sent, by id."""
        return [
            WaitingTenant(
                tenant_id,
                tenant_id in self.channels,
                self.channels.get(tenant_id),
                self.ways.get(tenant_id, Channel()),
            )
            for tenant_id, row in sorted(self.runs[run_id].tenants.items())
            if row.seekers is None and row.state != "skipped"
        ]

    def skip(self, run_id: int, tenant_id: int, reason: str) -> None:
        """Leave a tenant out of the run."""
        row = self.runs[run_id].tenants[tenant_id]
        row.state, row.reason = "skipped", reason

    def askable(self, run_id: int, tenant_ids: Sequence[int]) -> dict[int, int]:
        """How many `accounts` would stream of each of these tenants that has any."""
        return dict(Counter(tenant_id for tenant_id, *_ in self.accounts(run_id, tenant_ids)))

    def named(self, scope: Scope) -> Generator[Account, None, None]:
        """Stream the job seekers that a scope names, by id, whatever is known of them."""
        for (tenant_id, seeker_id), row in sorted(self.accounts_by_key.items()):
            if tenant_id == scope.tenant_id and seeker_id in scope.seeker_ids:
                yield tenant_id, seeker_id, row.line_user_id

    def accounts(self, run_id: int, tenant_ids: Sequence[int]) -> Generator[Account, None, None]:
        """Stream whom to ask, ordered by (tenant, job seeker)."""
        for (tenant_id, seeker_id), row in sorted(self.accounts_by_key.items()):
            if tenant_id in tenant_ids and _is_asked(row, seeker_id, run_id):
                yield tenant_id, seeker_id, row.line_user_id

    def sent(self, run_id: int, tenant_id: int, seekers: int, chunks: int | None) -> None:
        """All chunks of a tenant are on the queue, or its sweep is, which has no number of chunks."""
        row = self.runs[run_id].tenants[tenant_id]
        row.seekers = seekers if row.seekers is None else row.seekers
        row.chunks = chunks if row.chunks is None else row.chunks
        row.state = "closed" if row.state == "closed" else "dispatched"
        row.pass_over(0)

    def all_sent(self, run_id: int, now: datetime) -> None:
        """All chunks of all tenants are on the queue: from here on the run can end."""
        run = self.runs[run_id]
        if run.dispatched_at is None:
            run.state, run.dispatched_at = "running", now

    def unjudged(self, run_id: int) -> list[int]:
        """The tenants whose answers had all come before they were known to be all; a writer must look once more."""
        tenants = sorted(self.runs[run_id].tenants.items()) if run_id in self.runs else []
        return [one for one, row in tenants if row.losses and row.valve != "held" and row.is_complete()]

    def settle(self, results: CheckResults) -> Settled | Refused:
        """Apply one message; applying it again, later or in another order changes nothing."""
        run = self.runs.get(results.run_id)
        tenant = run and run.tenants.get(results.tenant_id)
        if not run or not tenant:
            return Refused(f"no tenant {results.tenant_id} in run {results.run_id}")
        left = tenant.left()
        settled = self._apply(results)
        if left is None or tenant.passed_over < left:
            settled = replace(settled, passed_over=self._pass_over(run, results))
        tenant.friends += settled.friend
        tenant.not_friends += settled.not_friend
        tenant.invalid += settled.invalid
        tenant.failed += settled.failed - settled.recovered
        tenant.pass_over(settled.passed_over)
        if tenant.state == "closed" and settled.recovered and not tenant.failed:
            tenant.state = "dispatched"
        if tenant.state == "dispatched":
            tenant.reason = None
        if results.seekers is not None:
            tenant.seekers, tenant.chunks = results.seekers, tenant.chunks or 0
            tenant.state = "dispatched" if tenant.state == "pending" else tenant.state
            tenant.pass_over(0)
        if results.closed is not None:
            tenant.state, tenant.reason = "closed", results.closed[:200]
        if tenant.valve == "discarded":
            take_back(results.run_id, results.tenant_id, self.accounts_by_key, self.changes)
        if tenant.losses:
            let_through(results.run_id, results.tenant_id, tenant, self.accounts_by_key, self.changes)
        if tenant.valve != "held" or tenant.hold_announced:
            return settled
        hold = TenantHeld(
            run_id=results.run_id, tenant_id=results.tenant_id, lost=tenant.lost, friends_before=tenant.friends_before
        )
        return replace(settled, hold=hold)

    def release(self, release: ReleaseHold) -> Released | Refused:
        """Write or drop a tenant's held losses; said again it changes nothing."""
        run = self.runs.get(release.run_id)
        tenant = run and run.tenants.get(release.tenant_id)
        if not tenant:
            return Refused(f"no tenant {release.tenant_id} in run {release.run_id}")
        wanted = decided(discard=release.discard)
        if tenant.valve == wanted:
            return Released(0)
        if tenant.valve != "held":
            return Refused(f"tenant {release.tenant_id} of run {release.run_id} is not held but {tenant.valve}")
        tenant.valve = wanted
        if release.discard:
            taken_back = take_back(release.run_id, release.tenant_id, self.accounts_by_key, self.changes)
            return Released(taken_back + forget(tenant))
        return Released(write(release.run_id, release.tenant_id, tenant, self.accounts_by_key, self.changes))

    def end(self, run_id: int, now: datetime) -> RunCompleted | None:
        """End the run if nothing is missing; the event when the bus has not been told of this end yet."""
        run = self.runs.get(run_id)
        if run is None or run.dispatched_at is None:
            return None
        totals = totals_of([self._tenant_report(*item) for item in run.tenants.items()])
        held = sum(row.valve == "held" for row in run.tenants.values())
        is_unfinished = any(row.is_unfinished() for row in run.tenants.values())
        end = end_of(totals.failed, held)
        if is_unfinished or end == run.state == run.announced_state:
            return None
        if run.state != end:
            run.state, run.ended_at = end, now
        return RunCompleted(
            run_id=run_id,
            state=end,
            tenants=len(run.tenants),
            tenants_skipped=sum(row.state == "skipped" for row in run.tenants.values()),
            tenants_held=held,
            **totals.model_dump(exclude={"settled"}),
        )

    def announced(self, run_id: int, state: EndState) -> None:
        """The bus has been told."""
        if self.runs[run_id].state == state:
            self.runs[run_id].announced_state = state

    def hold_announced(self, hold: TenantHeld) -> None:
        """The bus has been told that this tenant is held."""
        self.runs[hold.run_id].tenants[hold.tenant_id].hold_announced = True

    def report(self, run_id: int | Literal["latest"]) -> RunReport | None:
        """One run with its tenants; None when there is no such run."""
        found = max(filter(is_night, self.runs), default=0) if run_id == "latest" else run_id
        run = self.runs.get(found)
        if run is None:
            return None
        tenants = [self._tenant_report(*item) for item in sorted(run.tenants.items())]
        return RunReport(
            run_id=found,
            state=run.state,
            started_at=run.started_at,
            dispatched_at=run.dispatched_at,
            ended_at=run.ended_at,
            totals=totals_of(tenants),
            tenants=tenants,
        )

    def _apply(self, results: CheckResults) -> Settled:
        rows = {key[1]: row for key, row in self.accounts_by_key.items() if key[0] == results.tenant_id}
        answers: dict[Answer, list[int]] = {
            "friend": results.friend,
            "not_friend": results.not_friend,
            "invalid": results.invalid,
        }
        lost_before = self.runs[results.run_id].tenants[results.tenant_id].lost
        asked = {seeker_id for ids in answers.values() for seeker_id in ids}
        recovered = sum(row.has_failed(results.run_id) for seeker_id, row in rows.items() if seeker_id in asked)
        counts = {
            answer: sum(self._answer(results, answer, seeker_id, rows.get(seeker_id)) for seeker_id in ids)
            for answer, ids in answers.items()
        }
        failed = {one for one in results.failed if _fail(results.run_id, rows.get(one))}
        self.runs[results.run_id].passed_over |= failed
        lost = self.runs[results.run_id].tenants[results.tenant_id].lost - lost_before
        return Settled(
            counts["friend"],
            counts["not_friend"],
            counts["invalid"],
            failed=len(failed),
            recovered=recovered,
            lost=lost,
        )

    def _pass_over(self, run: RunRow, results: CheckResults) -> int:
        rows = {key[1]: row for key, row in self.accounts_by_key.items() if key[0] == results.tenant_id}
        here = {seeker_id for seeker_id, row in rows.items() if row.settled_run_id == results.run_id}
        everyone = {*results.friend, *results.not_friend, *results.invalid, *results.failed}
        newly = everyone - here - run.passed_over
        run.passed_over |= newly
        return len(newly)

    def _answer(self, results: CheckResults, answer: Answer, seeker_id: int, row: AccountRow | None) -> bool:
        if row is None or not row.is_unsettled(results.run_id):
            return False
        row.settled_run_id, row.last_outcome = results.run_id, answer
        if not row.takes(results.observed_at, self.runs[results.run_id].started_at):
            return True
        if row.friend_status == "friend" and answer != "friend":
            tenant = self.runs[results.run_id].tenants[results.tenant_id]
            tenant.losses[seeker_id] = Loss(answer, results.observed_at)
            tenant.lost += 1
            return True
        if row.friend_status != answer:
            change = Change(
                results.tenant_id, seeker_id, results.run_id, row.friend_status, answer, results.observed_at
            )
            self.changes.append(change)
        row.friend_status, row.status_checked_at = answer, results.observed_at
        row.not_friend_nights = row.not_friend_nights + is_night(results.run_id) if answer == "not_friend" else 0
        return True

    def _tenant_report(self, tenant_id: int, row: TenantRow) -> TenantReport:
        return TenantReport(
            tenant_id=tenant_id,
            name=self.tenants.get(tenant_id, ""),
            state="held" if row.valve == "held" else row.state,
            reason=told(row.valve, row.tally(), row.reason),
            valve=row.valve,
            lost=row.lost,
            friends_before=row.friends_before,
            seekers=row.seekers,
            settled=row.friends + row.not_friends + row.invalid,
            friends=row.friends,
            not_friends=row.not_friends,
            invalid=row.invalid,
            failed=row.failed,
            passed_over=row.passed_over,
        )


def _fail(run_id: int, row: AccountRow | None) -> bool:
    if row is None or row.settled_run_id >= run_id:
        return False
    row.settled_run_id, row.last_outcome = run_id, "failed"
    return True


def _is_asked(row: AccountRow, seeker_id: int, run_id: int) -> bool:
    if row.settled_run_id == run_id or row.friend_status in ("unknown", "friend"):
        return True
    is_weekday = seeker_id % 7 == weekday_of(run_id)
    return row.friend_status == "not_friend" and (row.not_friend_nights < NOT_FRIEND_NIGHTS or is_weekday)
