"""A run's record while its chunks are sent."""

from collections.abc import Generator, Sequence
from datetime import datetime
from typing import Any, Final, cast

from pymysql.cursors import Cursor

from yomawari.adapters.mysql.connection import Database, Ids, Session, from_utc, stream, utc
from yomawari.adapters.mysql.valve import IS_COMPLETE
from yomawari.domain.runs import NOT_FRIEND_NIGHTS, weekday_of
from yomawari.domain.valve import OVER_PERCENT, OVER_SEEKERS
from yomawari.domain.ways import Channel
from yomawari.usecases.ports import Account, Scope, WaitingTenant

# IGNORE would hide other errors too; setting the key to itself does nothing on MySQL and on MariaDB.
_BEGIN: Final = """
INSERT INTO runs (run_id, state, started_at) VALUES (%s, 'dispatching', %s)
ON DUPLICATE KEY UPDATE run_id = runs.run_id
"""
_IS_DISPATCHED: Final = "SELECT dispatched_at IS NOT NULL FROM runs WHERE run_id = %s"

# The friends are counted here and not by the writer, who would find those that the run itself has made. All rows are
# read for it once a night, two million of them in a second or two.
_BEGIN_TENANTS: Final = """
INSERT INTO run_tenants (run_id, tenant_id, friends_before, hold_over_percent, hold_over_seekers)
SELECT %(run)s, t.id, COALESCE(f.friends, 0),
       COALESCE(c.hold_over_percent, %(over_percent)s), COALESCE(c.hold_over_seekers, %(over_seekers)s)
FROM tenants t
LEFT JOIN line_channels c ON c.tenant_id = t.id
LEFT JOIN (
    SELECT tenant_id, COUNT(*) AS friends FROM line_accounts WHERE friend_status = 'friend'{among} GROUP BY tenant_id
) f ON f.tenant_id = t.id
{only}ON DUPLICATE KEY UPDATE run_id = run_tenants.run_id
"""
# With no WHERE between them a parser may take ON DUPLICATE for one more condition of the join.
_BEGIN_ALL: Final = _BEGIN_TENANTS.format(among="", only="WHERE TRUE\n")
_ONLY: Final = "WHERE t.id = %(tenant)s\n"
_BEGIN_TENANT: Final = _BEGIN_TENANTS.format(among=" AND tenant_id = %(tenant)s", only=_ONLY)
_BEGIN_NAMED: Final = _BEGIN_TENANTS.format(
    among=" AND tenant_id = %(tenant)s AND job_seeker_id IN %(ids)s", only=_ONLY
)

# Not "state = 'pending'": answers may close a tenant's channel before all of its chunks have been sent.
_WAITING: Final = """
SELECT t.tenant_id, c.tenant_id IS NOT NULL, c.rate_per_s, c.check_by, c.followers_allowed, c.followers_probed_at
FROM run_tenants t LEFT JOIN line_channels c ON c.tenant_id = t.tenant_id
WHERE t.run_id = %s AND t.seekers IS NULL AND t.state <> 'skipped'
ORDER BY t.tenant_id
"""
_SKIP: Final = "UPDATE run_tenants SET state = 'skipped', reason = %s WHERE run_id = %s AND tenant_id = %s"

# Whom this run has settled already is always in, so that a dispatch that goes on after one that died counts the same
# job seekers. Without FORCE INDEX the server may take the key on (tenant_id, line_user_id) and sort two million rows.
_ASKED: Final = """
FROM line_accounts FORCE INDEX (PRIMARY)
WHERE tenant_id IN %(tenants)s
  AND (settled_run_id = %(run)s
       OR friend_status IN ('unknown', 'friend')
       OR (friend_status = 'not_friend'
           AND (not_friend_nights < %(nights)s OR MOD(job_seeker_id, 7) = %(weekday)s)))
"""
ENUMERATE: Final = f"SELECT tenant_id, job_seeker_id, line_user_id {_ASKED} ORDER BY tenant_id, job_seeker_id"
COUNT_ASKABLE: Final = f"SELECT tenant_id, COUNT(*) {_ASKED} GROUP BY tenant_id"
_NAMED: Final = """
SELECT tenant_id, job_seeker_id, line_user_id FROM line_accounts
WHERE tenant_id = %(tenant)s AND job_seeker_id IN %(ids)s ORDER BY job_seeker_id
"""

# The last line as in settle.py's _COUNT: until now nobody knew how many there are at most. A sweep counts for itself
# (its chunks are NULL here), and may have been faster.
_SENT: Final = """
UPDATE run_tenants
SET state = IF(state = 'closed', 'closed', 'dispatched'),
    seekers = COALESCE(seekers, %s), chunks = COALESCE(chunks, %s),
    passed_over = IF(chunks IS NULL, passed_over,
                     LEAST(passed_over, GREATEST(seekers, friends + not_friends + invalid + failed)
                                        - (friends + not_friends + invalid + failed)))
WHERE run_id = %s AND tenant_id = %s
"""
_ALL_SENT: Final = """
UPDATE runs SET state = 'running', dispatched_at = %s WHERE run_id = %s AND dispatched_at IS NULL
"""

_UNJUDGED: Final = f"""
SELECT tenant_id FROM run_tenants
WHERE run_id = %s AND valve <> 'held' AND lost_unwritten > 0 AND {IS_COMPLETE}
ORDER BY tenant_id
"""  # noqa: S608 - made of constants


class MySqlDispatchStore:
    """The dispatcher's store; it reads on a connection of its own, because a cursor that streams occupies one."""

    def __init__(self, session: Session, database: Database) -> None:
        self._session = session
        self._database = database

    def begin(self, run_id: int, now: datetime, scope: Scope | None = None) -> bool:
        """Write the run and its tenants down if they are not; False when all was dispatched before."""

        def work(cursor: Cursor) -> bool:
            cursor.execute(_BEGIN, (run_id, utc(now)))
            cursor.execute(_IS_DISPATCHED, (run_id,))
            if cursor.fetchall()[0][0]:
                return False
            cursor.execute(*_begin_tenants(run_id, scope))
            return True

        return self._session.transact(work)

    def waiting(self, run_id: int) -> list[WaitingTenant]:
        """The tenants that are neither skipped nor wholly sent, by id."""

        def work(cursor: Cursor) -> list[WaitingTenant]:
            cursor.execute(_WAITING, (run_id,))
            return [_waiting(*row) for row in cursor.fetchall()]

        return self._session.transact(work)

    def askable(self, run_id: int, tenant_ids: Sequence[int]) -> dict[int, int]:
        """How many `accounts` would stream of each of these tenants that has any."""
        if not tenant_ids:
            return {}

        def work(cursor: Cursor) -> dict[int, int]:
            cursor.execute(COUNT_ASKABLE, _asked(run_id, tenant_ids))
            return dict(cursor.fetchall())

        return self._session.transact(work)

    def named(self, scope: Scope) -> Generator[Account, None, None]:
        """Stream the job seekers that a scope names, by id, whatever is known of them."""
        args = {"tenant": scope.tenant_id, "ids": Ids(scope.seeker_ids)}
        return cast("Generator[Account, None, None]", stream(self._database, _NAMED, args))

    def skip(self, run_id: int, tenant_id: int, reason: str) -> None:
        """Leave a tenant out of the run."""
        self._session.transact(lambda cursor: cursor.execute(_SKIP, (reason, run_id, tenant_id)))

    def accounts(self, run_id: int, tenant_ids: Sequence[int]) -> Generator[Account, None, None]:
        """Stream whom to ask, ordered by (tenant, job seeker); see the port for what it promises."""
        return enumerate_accounts(self._database, run_id, tenant_ids)

    def sent(self, run_id: int, tenant_id: int, seekers: int, chunks: int | None) -> None:
        """All chunks of a tenant are on the queue, or its sweep is, which has no number of chunks."""
        self._session.transact(lambda cursor: cursor.execute(_SENT, (seekers, chunks, run_id, tenant_id)))

    def all_sent(self, run_id: int, now: datetime) -> None:
        """All chunks of all tenants are on the queue: from here on the run can end."""
        self._session.transact(lambda cursor: cursor.execute(_ALL_SENT, (utc(now), run_id)))

    def unjudged(self, run_id: int) -> list[int]:
        """The tenants whose answers had all come before they were known to be all; a writer must look once more."""

        def work(cursor: Cursor) -> list[int]:
            cursor.execute(_UNJUDGED, (run_id,))
            return [tenant_id for (tenant_id,) in cursor.fetchall()]

        return self._session.transact(work)


def enumerate_accounts(database: Database, run_id: int, tenant_ids: Sequence[int]) -> Generator[Account, None, None]:
    """Stream whom a run asks about, for the dispatcher and for a sweep alike."""
    return cast("Generator[Account, None, None]", stream(database, ENUMERATE, _asked(run_id, tenant_ids)))


def _asked(run_id: int, tenant_ids: Sequence[int]) -> dict[str, object]:
    return {
        "tenants": Ids(tenant_ids),
        "run": run_id,
        "nights": NOT_FRIEND_NIGHTS,
        "weekday": weekday_of(run_id),
    }


def _begin_tenants(run_id: int, scope: Scope | None) -> tuple[str, dict[str, object]]:
    args: dict[str, object] = {"run": run_id, "over_percent": OVER_PERCENT, "over_seekers": OVER_SEEKERS}
    if scope is None:
        return _BEGIN_ALL, args
    args |= {"tenant": scope.tenant_id, "ids": Ids(scope.seeker_ids)}
    return _BEGIN_NAMED if scope.seeker_ids else _BEGIN_TENANT, args


def _waiting(*row: Any) -> WaitingTenant:  # noqa: ANN401 - as pymysql types its rows
    tenant_id, has_channel, rate_per_s, check_by, allowed, probed_at = row
    if not has_channel:
        return WaitingTenant(tenant_id, has_channel=False, rate_per_s=None)
    known = Channel(check_by, None if allowed is None else bool(allowed), probed_at and from_utc(probed_at))
    return WaitingTenant(tenant_id, has_channel=True, rate_per_s=rate_per_s, channel=known)
