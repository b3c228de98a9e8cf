"""The safety valve of the round in memory: what adapters/mysql/valve.py does in SQL."""

from collections.abc import Mapping
from dataclasses import replace

from yomawari.adapters.mysql.memory_rows import AccountRow, Change, TenantRow
from yomawari.domain.runs import is_night
from yomawari.domain.valve import judge

Accounts = Mapping[tuple[int, int], AccountRow]


def let_through(run_id: int, tenant_id: int, tenant: TenantRow, accounts: Accounts, changes: list[Change]) -> None:
    """Judge the losses of a tenant that has some."""
    match judge(tenant.valve, tenant.tally(), tenant.bounds, is_complete=tenant.is_complete()):
        case "hold":
            tenant.valve = "held"
        case "write":
            write(run_id, tenant_id, tenant, accounts, changes)
        case "drop":
            forget(tenant)
        case "wait":
            pass


def write(run_id: int, tenant_id: int, tenant: TenantRow, accounts: Accounts, changes: list[Change]) -> int:
    """Write the losses that wait; how many statuses they were."""
    written = 0
    for seeker_id, loss in sorted(tenant.losses.items()):
        row = accounts.get((tenant_id, seeker_id))
        is_older = row is None or (row.status_checked_at is not None and row.status_checked_at > loss.observed_at)
        if row is None or is_older:
            continue
        if row.friend_status != loss.outcome:
            changes.append(Change(tenant_id, seeker_id, run_id, row.friend_status, loss.outcome, loss.observed_at))
        row.not_friend_nights = row.not_friend_nights + is_night(run_id) if loss.outcome == "not_friend" else 0
        row.friend_status, row.status_checked_at = loss.outcome, loss.observed_at
        written += 1
    forget(tenant)
    return written


def take_back(run_id: int, tenant_id: int, accounts: Accounts, changes: list[Change]) -> int:
    """Give those whom the run made invalid the status they had; how many they were."""
    made = [one for one in changes if (one.run_id, one.tenant_id, one.to_status) == (run_id, tenant_id, "invalid")]
    taken_back = 0
    for change in made:
        row = accounts.get((tenant_id, change.job_seeker_id))
        if row is not None and (row.settled_run_id, row.friend_status) == (run_id, "invalid"):
            row.friend_status = change.from_status
            changes.append(replace(change, from_status="invalid", to_status=change.from_status))
            taken_back += 1
    return taken_back


def forget(tenant: TenantRow) -> int:
    """Forget the losses that wait; how many they were."""
    dropped = len(tenant.losses)
    tenant.losses.clear()
    return dropped
