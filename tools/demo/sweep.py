"""The demonstration's verified accounts: a third of the tenants, with half of the job seekers, are asked by list."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from pymysql.cursors import SSCursor

from tools.line_double.control_client import DoubleControl, Report
from tools.line_double.truth import is_line_user_id
from tools.local_stack import StackState
from yomawari.domain.followers import PAGE_IDS
from yomawari.domain.runs import RunReport

_IDS: Final = "SELECT line_user_id FROM line_accounts WHERE tenant_id = %s ORDER BY job_seeker_id"
_STRANGERS_PER_SEEKER: Final = 0.01
"""People whom the list names and MySQL does not know: every account has some."""


def verified_of(sizes: Sequence[int], without_token: frozenset[int]) -> frozenset[int]:
    """A third of the tenants, with about half of the job seekers: the largest that fit, then the smallest."""
    by_size = sorted(set(range(1, len(sizes) + 1)) - without_token, key=lambda tenant_id: -sizes[tenant_id - 1])
    wanted, room = len(sizes) // 3, sum(sizes) // 2
    chosen: list[int] = []
    for tenant_id in by_size:
        if len(chosen) < wanted and sizes[tenant_id - 1] <= room:
            chosen.append(tenant_id)
            room -= sizes[tenant_id - 1]
    smallest = (tenant_id for tenant_id in reversed(by_size) if tenant_id not in chosen)
    return frozenset([*chosen, *(next(smallest) for _ in range(wanted - len(chosen)))])


def verify_accounts(stack: StackState, tenant_ids: frozenset[int]) -> None:
    """Have the double list these tenants' followers: of all whom MySQL knows those who are friends, and strangers."""
    control = DoubleControl(stack.line_url)
    for tenant_id in sorted(tenant_ids):
        ids = [line_user_id for line_user_id in _line_user_ids(stack, tenant_id) if is_line_user_id(line_user_id)]
        control.set_followers(str(tenant_id), verified=True, strangers=int(len(ids) * _STRANGERS_PER_SEEKER))
        control.add_follower_ids(str(tenant_id), ids)
    control.close()


def sweep_figures(run: RunReport, asked: Report, tenant_ids: frozenset[int]) -> dict[str, Any]:
    """What it took to ask the verified accounts; all right when nobody of them was asked about one by one."""
    swept = [tenant for tenant in run.tenants if tenant.tenant_id in tenant_ids]
    lanes = [asked.channels.get(str(tenant_id), {}) for tenant_id in sorted(tenant_ids)]
    calls = sum(lane["followers"].calls for lane in lanes if "followers" in lane)
    seekers = sum(tenant.seekers or 0 for tenant in swept)
    is_swept = all("followers" in lane and "profile" not in lane for lane in lanes)
    is_settled = all(tenant.settled == tenant.seekers for tenant in swept)
    return {
        "channels": len(swept),
        "calls": calls,
        "seekers": seekers,
        "calls_per_1000_seekers": round(calls * PAGE_IDS / max(seekers, 1), 2),
        "verified": is_swept and is_settled,
    }


def profile_calls(asked: Report) -> int:
    """Calls about one job seeker each, on all channels."""
    return sum(lanes["profile"].calls for lanes in asked.channels.values() if "profile" in lanes)


def asked_by_profile(run: RunReport, tenant_ids: frozenset[int]) -> int:
    """Job seekers with a valid id who were asked about one by one."""
    return sum(tenant.settled - tenant.invalid for tenant in run.tenants if tenant.tenant_id not in tenant_ids)


def _line_user_ids(stack: StackState, tenant_id: int) -> Iterator[str]:
    with stack.database.connect() as connection:
        connection.select_db(stack.database.name)
        with connection.cursor(SSCursor) as cursor:
            cursor.execute(_IDS, (tenant_id,))
            for (line_user_id,) in cursor:
                yield line_user_id
