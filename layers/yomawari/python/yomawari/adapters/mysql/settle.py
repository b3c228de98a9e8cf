"""Settling answers: the guard, the counters and the history of changes, in one transaction per message.

A row is settled once per run: duplicates, overlaps, reorderings and redrives of a message match no row any more. The
counters move by the rows that really changed state, so they count every job seeker once and need no ledger.

A job seeker without a row to settle (deleted, or settled by a later run) is passed over, and written down by id, or the
run would wait for ever.

A friend who turns into a non-friend is settled and counted like the others, but the status waits until the tenant is
judged (adapters/mysql/valve.py).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import Any, Final

from pymysql.cursors import Cursor

from yomawari.adapters.mysql import valve
from yomawari.adapters.mysql.connection import Ids, Session, utc
from yomawari.domain.runs import LINKING
from yomawari.domain.valve import decided
from yomawari.messages import CheckResults, ReleaseHold
from yomawari.usecases.ports import Refused, Released, Settled

# A tenant of whom all are counted has nobody left to pass over.
_LOCK: Final = f"""
SELECT failed > 0, {valve.IS_COMPLETE},
       lost_unwritten > 0 AND valve <> 'held', valve = 'held' AND NOT hold_announced,
       valve = 'discarded',
       (SELECT started_at FROM runs WHERE runs.run_id = run_tenants.run_id)
FROM run_tenants WHERE run_id = %(run)s AND tenant_id = %(tenant)s FOR UPDATE
"""  # noqa: S608 - made of constants, like the others

# Two writers of one tenant take turns, also when they write for different runs: between counting the failed rows,
# noting the changes and updating the rows nobody may move them. The tenant's first row stands for all of them. Its
# row in `tenants` would be in the way of everything that registers job seekers, whose foreign key locks it; and to lock
# a row of a table that it never writes, MySQL would want the writer to have the right to. Without FORCE INDEX the
# whole writer was twelve times slower (MariaDB 10.11: 18,000 rows/s against 220,000): there is another key to choose.
LOCK_ROWS: Final = """
SELECT job_seeker_id FROM line_accounts FORCE INDEX (PRIMARY)
WHERE tenant_id = %(tenant)s ORDER BY job_seeker_id LIMIT 1 FOR UPDATE
"""

# A message's job seekers come from one chunk, which is one stretch of the tenant's rows, so reading that stretch
# (first to last) and picking from it takes half the time of a thousand look-ups (MariaDB 10.11, 1,000 rows: 2.8 ms
# against 6.1). The "+ 0" keeps the list out of the choice of ranges: without it the server does the look-ups again.
_ROWS: Final = """
tenant_id = %(tenant)s AND job_seeker_id BETWEEN %(first)s AND %(last)s AND job_seeker_id + 0 IN %(ids)s
"""
_IS_UNSETTLED: Final = "(settled_run_id < %(run)s OR (settled_run_id = %(run)s AND last_outcome = 'failed'))"

# Older than what the row knows; or, perhaps, about the LINE id that the row had before: chunks carry the ids that the
# row had when the run began, or later, and a chunk may be delayed for hours and redriven after days.
_IS_STALE: Final = "(status_checked_at > %(observed)s OR linked_at > %(began)s)"
_IS_OBSERVED: Final = f"NOT COALESCE({_IS_STALE}, FALSE)"
_IS_LOSS: Final = "(friend_status = 'friend' AND %(outcome)s <> 'friend')"

_COUNT_FAILED: Final = f"""
SELECT COUNT(*) FROM line_accounts WHERE {_ROWS} AND settled_run_id = %(run)s AND last_outcome = 'failed'
"""  # noqa: S608

NOTE_CHANGES: Final = f"""
INSERT INTO line_friend_status_changes (tenant_id, job_seeker_id, run_id, from_status, to_status, observed_at)
SELECT tenant_id, job_seeker_id, %(run)s, friend_status, %(outcome)s, %(observed)s
FROM line_accounts
WHERE {_ROWS} AND friend_status <> %(outcome)s AND NOT {_IS_LOSS} AND {_IS_UNSETTLED} AND {_IS_OBSERVED}
"""  # noqa: S608

# Before SETTLE, which makes these rows settled ones. IGNORE, as of those passed over, so that the count is of new rows.
NOTE_LOSSES: Final = f"""
INSERT IGNORE INTO run_losses (run_id, tenant_id, job_seeker_id, outcome, observed_at)
SELECT %(run)s, tenant_id, job_seeker_id, %(outcome)s, %(observed)s
FROM line_accounts
WHERE {_ROWS} AND friend_status = 'friend' AND {_IS_UNSETTLED} AND {_IS_OBSERVED}
"""  # noqa: S608

# A stale observation settles the row for its run and leaves the status alone: refusing it altogether would leave the
# run waiting for that row for ever. So does a loss. Nothing is greater than NULL, so a first answer counts; assignments
# run from left to right, but the later of the two times compares with %(observed)s as the old one did, and the status,
# which tells a loss, comes after those that ask it.
SETTLE: Final = f"""
UPDATE line_accounts
SET not_friend_nights = IF({_IS_STALE} OR {_IS_LOSS}, not_friend_nights,
                           IF(%(outcome)s = 'not_friend', not_friend_nights + %(night)s, 0)),
    status_checked_at = IF({_IS_STALE} OR {_IS_LOSS}, status_checked_at, %(observed)s),
    friend_status = IF({_IS_STALE} OR {_IS_LOSS}, friend_status, %(outcome)s),
    last_outcome = %(outcome)s,
    settled_run_id = %(run)s
WHERE {_ROWS} AND {_IS_UNSETTLED}
"""  # noqa: S608

# A failure is no observation: only what the run knows of the row changes, and only while it knows nothing.
_FAIL: Final = f"""
UPDATE line_accounts SET last_outcome = 'failed', settled_run_id = %(run)s
WHERE {_ROWS} AND settled_run_id < %(run)s
"""  # noqa: S608

# Who has failed may be deleted, and then no row says that they are counted: asked again, they would be passed over too.
_NOTE_FAILED: Final = f"""
INSERT IGNORE INTO run_passed_over (run_id, job_seeker_id)
SELECT %(run)s, job_seeker_id FROM line_accounts
WHERE {_ROWS} AND settled_run_id = %(run)s AND last_outcome = 'failed'
"""  # noqa: S608

SETTLED_AMONG: Final = f"""
SELECT job_seeker_id FROM line_accounts WHERE {_ROWS} AND settled_run_id = %(run)s
"""  # noqa: S608

_NOTE_PASSED_OVER: Final = "INSERT IGNORE INTO run_passed_over (run_id, job_seeker_id) VALUES (%s, %s)"

# Who was answered, then deleted or settled by a later run, and then comes again, is taken for passed over: no row
# tells. Answers and failures are exact, so passed over are at most the rest, and just the rest once all have come.
# (GREATEST keeps the unsigned difference from going below zero. Until all chunks are sent, or the sweep has counted,
# nobody knows the rest.)
#
# A closed tenant whose failures have all been made good by a redrive is open again.
_COUNT: Final = """
UPDATE run_tenants
SET friends = friends + %(friend)s, not_friends = not_friends + %(not_friend)s, invalid = invalid + %(invalid)s,
    failed = failed + %(failed)s - %(recovered)s,
    lost = lost + %(lost)s, lost_unwritten = lost_unwritten + %(lost)s,
    passed_over = COALESCE(LEAST(passed_over + %(passed_over)s,
                                 GREATEST(IF(chunks IS NULL, NULL, seekers), friends + not_friends + invalid + failed)
                                 - (friends + not_friends + invalid + failed)),
                           passed_over + %(passed_over)s),
    state = IF(state = 'closed' AND %(recovered)s > 0 AND failed = 0, 'dispatched', state),
    reason = IF(state = 'dispatched', NULL, reason)
WHERE run_id = %(run)s AND tenant_id = %(tenant)s
"""

_CLOSE: Final = """
UPDATE run_tenants SET state = 'closed', reason = %(reason)s WHERE run_id = %(run)s AND tenant_id = %(tenant)s
"""

# As dispatch.py's _SENT, and in its stead for a dispatcher that died just before it: with another number of job seekers
# there may be fewer left to pass over.
_RECOUNT: Final = """
UPDATE run_tenants
SET state = IF(state = 'pending', 'dispatched', state), seekers = %(seekers)s, chunks = COALESCE(chunks, 0),
    passed_over = LEAST(passed_over, GREATEST(seekers, friends + not_friends + invalid + failed)
                                     - (friends + not_friends + invalid + failed))
WHERE run_id = %(run)s AND tenant_id = %(tenant)s
"""

_REASON_CHARACTERS: Final = 200


class MySqlSettleStore:
    """The writer's store."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def settle(self, results: CheckResults) -> Settled | Refused:
        """Apply one message in one transaction; applying it again, later or in another order changes nothing."""
        return self._session.transact(lambda cursor: _settle(cursor, results))

    def release(self, release: ReleaseHold) -> Released | Refused:
        """Write or drop a tenant's held losses; see the port for what else that does."""
        return self._session.transact(lambda cursor: _release(cursor, release))


def _settle(cursor: Cursor, results: CheckResults) -> Settled | Refused:
    key = valve.key_of(results.run_id, results.tenant_id)
    cursor.execute(_LOCK, key)
    locked = cursor.fetchone()
    if locked is None:
        return Refused(f"no tenant {results.tenant_id} in run {results.run_id}")
    cursor.execute(LOCK_ROWS, key)
    had_failed, is_complete, has_unwritten, is_hold_unannounced, is_discarded, began = locked
    settled = _apply(cursor, key, results, began, had_failed=had_failed)
    if not is_complete:
        settled = replace(settled, passed_over=_pass_over(cursor, key, results, settled))
    if settled != Settled():
        cursor.execute(_COUNT, key | _counts(settled))
    if results.seekers is not None:
        cursor.execute(_RECOUNT, key | {"seekers": results.seekers})
    if results.closed is not None:
        cursor.execute(_CLOSE, key | {"reason": results.closed[:_REASON_CHARACTERS]})
    if is_discarded and settled.invalid:
        valve.take_back(cursor, key)
    is_newly_held = (has_unwritten or settled.lost > 0) and valve.let_through(cursor, key)
    return replace(settled, hold=valve.hold_of(cursor, key)) if is_newly_held or is_hold_unannounced else settled


def _release(cursor: Cursor, release: ReleaseHold) -> Released | Refused:
    key = valve.key_of(release.run_id, release.tenant_id)
    cursor.execute(_LOCK, key)
    if cursor.fetchone() is None:
        return Refused(f"no tenant {release.tenant_id} in run {release.run_id}")
    cursor.execute(LOCK_ROWS, key)
    wanted = decided(discard=release.discard)
    stands = valve.state_of(cursor, key)
    if stands == wanted:
        return Released(0)
    if stands != "held":
        return Refused(f"tenant {release.tenant_id} of run {release.run_id} is not held but {stands}")
    valve.turn(cursor, key, wanted)
    return Released(valve.discard(cursor, key) if release.discard else valve.write(cursor, key))


def _apply(cursor: Cursor, key: dict[str, int], results: CheckResults, began: datetime, *, had_failed: bool) -> Settled:
    answered = {"friend": results.friend, "not_friend": results.not_friend, "invalid": results.invalid}
    everyone = list(chain.from_iterable(answered.values()))
    recovered = _failed_among(cursor, key | rows_of(everyone)) if had_failed and everyone else 0
    moments = {"observed": utc(results.observed_at), "began": began - LINKING}
    counts, lost = dict.fromkeys(answered, 0), 0
    for outcome, ids in answered.items():
        if ids:
            args = key | rows_of(ids) | moments | {"outcome": outcome}
            newly_lost = cursor.execute(NOTE_LOSSES, args) if outcome != "friend" else 0
            counts[outcome] = _answer(cursor, args, may_change=newly_lost < len(ids))
            lost += newly_lost
    failed = _fail(cursor, key | rows_of(results.failed)) if results.failed else 0
    friend, not_friend, invalid = counts.values()
    return Settled(friend, not_friend, invalid, failed=failed, recovered=recovered, lost=lost)


def _pass_over(cursor: Cursor, key: dict[str, int], results: CheckResults, settled: Settled) -> int:
    """Write down who of the message has no row that this run settled; how many were not written down before.

    Looked for only when fewer rows matched than the message has ids, so the usual message costs no statement more.
    """
    everyone = [*results.friend, *results.not_friend, *results.invalid, *results.failed]
    if settled.friend + settled.not_friend + settled.invalid + settled.failed == len(everyone):
        return 0
    cursor.execute(SETTLED_AMONG, key | rows_of(everyone))
    missing = set(everyone).difference(seeker_id for (seeker_id,) in cursor.fetchall())
    return cursor.executemany(_NOTE_PASSED_OVER, [(key["run"], seeker_id) for seeker_id in sorted(missing)]) or 0


def rows_of(ids: Sequence[int]) -> dict[str, Any]:
    """The arguments that name these job seekers, of whom there is at least one."""
    return {"ids": Ids(ids), "first": min(ids), "last": max(ids)}


def _failed_among(cursor: Cursor, args: dict[str, Any]) -> int:
    cursor.execute(_COUNT_FAILED, args)
    return int(cursor.fetchall()[0][0])


def _answer(cursor: Cursor, args: dict[str, Any], *, may_change: bool) -> int:
    if may_change:
        cursor.execute(NOTE_CHANGES, args)
    return cursor.execute(SETTLE, args)


def _fail(cursor: Cursor, args: dict[str, Any]) -> int:
    failed = cursor.execute(_FAIL, args)
    if failed:
        cursor.execute(_NOTE_FAILED, args)
    return failed


def _counts(settled: Settled) -> dict[str, int]:
    return {name: getattr(settled, name) for name in Settled.__slots__ if name != "hold"}
