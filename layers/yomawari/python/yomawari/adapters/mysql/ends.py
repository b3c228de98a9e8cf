"""How a run ends: under one lock, so that one of two concurrent writers sees the end, and announced at least once."""

from datetime import datetime
from typing import Final

from pymysql.cursors import Cursor

from yomawari.adapters.mysql.connection import Session, utc
from yomawari.adapters.mysql.valve import IS_COMPLETE
from yomawari.domain.runs import Counts, EndState, end_of
from yomawari.messages import RunCompleted, TenantHeld

_PROGRESS: Final = f"""
SELECT r.state, r.announced_state, COUNT(t.tenant_id), CAST(COALESCE(SUM(t.state = 'skipped'), 0) AS SIGNED),
       CAST(COALESCE(SUM(t.seekers), 0) AS SIGNED), CAST(COALESCE(SUM(t.friends), 0) AS SIGNED),
       CAST(COALESCE(SUM(t.not_friends), 0) AS SIGNED), CAST(COALESCE(SUM(t.invalid), 0) AS SIGNED),
       CAST(COALESCE(SUM(t.failed), 0) AS SIGNED), CAST(COALESCE(SUM(t.passed_over), 0) AS SIGNED),
       CAST(COALESCE(SUM(t.valve = 'held'), 0) AS SIGNED),
       COALESCE(SUM(t.state <> 'skipped' AND NOT {IS_COMPLETE} OR t.valve <> 'held' AND t.lost_unwritten > 0), 0) > 0
FROM runs r LEFT JOIN run_tenants t ON t.run_id = r.run_id
WHERE r.run_id = %s AND r.dispatched_at IS NOT NULL
GROUP BY r.run_id, r.state, r.announced_state
"""  # noqa: S608 - made of constants

# Taken only when the end is in sight. Each writer commits its answers first and reads the counters after it has the
# lock (READ COMMITTED: as of now), so the last one to get it sees everything.
_LOCK: Final = "SELECT run_id FROM runs WHERE run_id = %s FOR UPDATE"
_END: Final = "UPDATE runs SET state = %s, ended_at = %s WHERE run_id = %s AND state <> %s"

# Only while it is still the state: a redrive may have changed how the run ended since.
_ANNOUNCED: Final = "UPDATE runs SET announced_state = %s WHERE run_id = %s AND state = %s"

_HOLD_ANNOUNCED: Final = "UPDATE run_tenants SET hold_announced = TRUE WHERE run_id = %s AND tenant_id = %s"


class MySqlEndStore:
    """The store behind the end of a run."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def end(self, run_id: int, now: datetime) -> RunCompleted | None:
        """End the run if nothing is missing; the event when the bus has not been told of this end yet."""
        return self._session.transact(lambda cursor: _end(cursor, run_id, now))

    def announced(self, run_id: int, state: EndState) -> None:
        """The bus has been told."""
        self._session.transact(lambda cursor: cursor.execute(_ANNOUNCED, (state, run_id, state)))

    def hold_announced(self, hold: TenantHeld) -> None:
        """The bus has been told that this tenant is held."""
        self._session.transact(lambda cursor: cursor.execute(_HOLD_ANNOUNCED, (hold.run_id, hold.tenant_id)))


def _end(cursor: Cursor, run_id: int, now: datetime) -> RunCompleted | None:
    if _unannounced(cursor, run_id) is None:
        return None
    cursor.execute(_LOCK, (run_id,))
    event = _unannounced(cursor, run_id)
    if event is not None:
        cursor.execute(_END, (event.state, utc(now), run_id, event.state))
    return event


def _unannounced(cursor: Cursor, run_id: int) -> RunCompleted | None:
    """The end the run has come to, or None when it has not, or the bus knows."""
    cursor.execute(_PROGRESS, (run_id,))
    row = cursor.fetchone()
    if row is None:
        return None
    state, announced, tenants, skipped, seekers, friends, not_friends, invalid, failed, passed_over, *rest = row
    held, is_unfinished = rest
    counts = Counts(
        seekers=seekers,
        settled=friends + not_friends + invalid,
        friends=friends,
        not_friends=not_friends,
        invalid=invalid,
        failed=failed,
        passed_over=passed_over,
    )
    end = end_of(failed, held)
    if is_unfinished or end == state == announced:
        return None
    told = counts.model_dump(exclude={"settled"})
    return RunCompleted(run_id=run_id, state=end, tenants=tenants, tenants_skipped=skipped, tenants_held=held, **told)
