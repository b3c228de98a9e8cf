"""Reading runs."""

from typing import Any, Final, Literal

from pymysql.cursors import Cursor

from yomawari.adapters.mysql.connection import Session, from_utc
from yomawari.domain.runs import RunReport, TenantReport, totals_of
from yomawari.domain.valve import Losses, told

# Of the nights: a check outside the round is asked for by its id (domain/runs.py).
_LATEST: Final = "SELECT MAX(run_id) FROM runs WHERE MOD(run_id, 100) < 60"
_RUN: Final = "SELECT run_id, state, started_at, dispatched_at, ended_at FROM runs WHERE run_id = %s"
_TENANTS: Final = """
SELECT t.tenant_id, COALESCE(n.name, ''), IF(t.valve = 'held', 'held', t.state), t.reason, t.seekers, t.friends,
       t.not_friends, t.invalid, t.failed, t.passed_over, t.valve, t.lost, t.friends_before
FROM run_tenants t LEFT JOIN tenants n ON n.id = t.tenant_id
WHERE t.run_id = %s
ORDER BY t.tenant_id
"""


class MySqlReportStore:
    """The store behind the reports; all it does is read, so a read-only user will do."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def report(self, run_id: int | Literal["latest"]) -> RunReport | None:
        """One run with its tenants; None when there is no such run."""
        return self._session.transact(lambda cursor: _report(cursor, run_id))


def _report(cursor: Cursor, run_id: int | Literal["latest"]) -> RunReport | None:
    if run_id == "latest":
        cursor.execute(_LATEST)
        run_id = cursor.fetchall()[0][0]
    cursor.execute(_RUN, (run_id,))
    run = cursor.fetchone()
    if run is None:
        return None
    cursor.execute(_TENANTS, (run_id,))
    tenants = [_tenant(*row) for row in cursor.fetchall()]
    found, state, started_at, dispatched_at, ended_at = run
    return RunReport(
        run_id=found,
        state=state,
        started_at=from_utc(started_at),
        dispatched_at=dispatched_at and from_utc(dispatched_at),
        ended_at=ended_at and from_utc(ended_at),
        totals=totals_of(tenants),
        tenants=tenants,
    )


def _tenant(*row: Any) -> TenantReport:  # noqa: ANN401 - as pymysql types its rows
    tenant_id, name, state, reason, seekers, friends, not_friends, invalid, failed, passed_over, *rest = row
    valve, lost, friends_before = rest
    return TenantReport(
        tenant_id=tenant_id,
        name=name,
        state=state,
        reason=told(valve, Losses(lost, friends_before), reason),
        valve=valve,
        lost=lost,
        friends_before=friends_before,
        seekers=seekers,
        settled=friends + not_friends + invalid,
        friends=friends,
        not_friends=not_friends,
        invalid=invalid,
        failed=failed,
        passed_over=passed_over,
    )
