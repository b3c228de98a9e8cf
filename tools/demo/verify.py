"""Every row of MySQL against the double's truth, and the run's counters against the rows."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from pymysql.cursors import SSCursor

from tools.line_double.truth import channel_salt, is_friend_by_rule, is_line_user_id
from tools.local_stack import StackState
from yomawari.domain.runs import RunReport

_ROWS: Final = "SELECT tenant_id, line_user_id, friend_status, settled_run_id FROM line_accounts"
_MOST_MISMATCHES: Final = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the comparison found.

    Attributes:
        seekers: rows looked at.
        matched: rows that are as the truth says.
        problems: what is wrong, in words; empty when nothing is.
    """

    seekers: int
    matched: int
    problems: list[str]


def verify(stack: StackState, run: RunReport) -> Verdict:
    """Compare every job seeker's row with what the double would answer, and the run's counters with the rows.

    A skipped tenant's rows must be untouched.
    """
    skipped = {tenant.tenant_id for tenant in run.tenants if tenant.state == "skipped"}
    found: dict[int, Counter[str]] = {tenant.tenant_id: Counter() for tenant in run.tenants}
    matched = seekers = 0
    problems: list[str] = []
    for tenant_id, line_user_id, status, run_id in _rows(stack):
        seekers += 1
        expected = ("unknown", 0) if tenant_id in skipped else (_truth(tenant_id, line_user_id), run.run_id)
        found[tenant_id][status] += 1
        if (status, run_id) == expected:
            matched += 1
        elif len(problems) < _MOST_MISMATCHES:
            problems.append(f"tenant {tenant_id}: a row says {status} in run {run_id}, the truth is {expected[0]}")
    return Verdict(seekers, matched, problems + _miscounted(run, found))


def _rows(stack: StackState) -> Iterator[tuple[int, str, str, int]]:
    with stack.database.connect() as connection:
        connection.select_db(stack.database.name)
        with connection.cursor(SSCursor) as cursor:
            cursor.execute(_ROWS)
            yield from cursor


def _truth(tenant_id: int, line_user_id: str) -> str:
    if not is_line_user_id(line_user_id):
        return "invalid"
    return "friend" if is_friend_by_rule(line_user_id, _salt(tenant_id)) else "not_friend"


@cache
def _salt(tenant_id: int) -> int:
    return channel_salt(str(tenant_id))


def _miscounted(run: RunReport, found: dict[int, Counter[str]]) -> list[str]:
    problems = []
    for tenant in run.tenants:
        rows = found[tenant.tenant_id]
        counted = (tenant.friends, tenant.not_friends, tenant.invalid)
        if counted != (rows["friend"], rows["not_friend"], rows["invalid"]):
            problems.append(f"tenant {tenant.tenant_id}: the run counted {counted}, the rows say {dict(rows)}")
    return problems
