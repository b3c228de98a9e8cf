"""Registering a chunk: parents, children, errors and counters in one transaction with a constant number of statements.

Whether a row is good is decided by the file and by what was there before the import, never by the order of the chunks:
so a LINE id that this import has taken from a job seeker still counts as theirs (import_releases), and the splitter has
seen to it that no two rows of a file have the same key or LINE id. The import's row is locked first: chunks of one
import take turns, and a chunk that comes again sees that it has been here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pymysql
from pymysql.constants import ER
from pymysql.cursors import Cursor

from yomawari.adapters.mysql.connection import Rows, Session, Texts, utc
from yomawari.adapters.mysql.imports import NOTE_ERRORS, error_rows
from yomawari.domain.imports import RowError
from yomawari.domain.rows import SeekerRow
from yomawari.messages import RegistrationChunk
from yomawari.usecases.import_ports import Registered
from yomawari.usecases.ports import Refused, Unavailable

_LOCK: Final = "SELECT tenant_id, releases FROM imports WHERE import_id = %s FOR UPDATE"

# Ignored (no row inserted) when the chunk was registered before; the import's row is there, and its own.
_LEDGER: Final = "INSERT IGNORE INTO import_chunks (import_id, chunk) VALUES (%s, %s)"

KNOWN: Final = """
SELECT s.external_key, s.id, s.user_id, a.line_user_id
FROM job_seekers s LEFT JOIN line_accounts a ON a.tenant_id = s.tenant_id AND a.job_seeker_id = s.id
WHERE s.tenant_id = %s AND s.external_key IN %s
"""
OWNERS: Final = """
SELECT line_user_id, job_seeker_id FROM line_accounts WHERE tenant_id = %s AND line_user_id IN %s
"""
RELEASED: Final = """
SELECT line_user_id, job_seeker_id FROM import_releases WHERE import_id = %s AND line_user_id IN %s
"""

_PARENTS: Final = """
INSERT INTO job_seekers (tenant_id, external_key, user_id) VALUES %s
ON DUPLICATE KEY UPDATE user_id = COALESCE(VALUES(user_id), job_seekers.user_id)
"""
# In one row, in the order of the keys, on which the column's collation and Python agree (by code point): pymysql takes
# ten times as long for five hundred rows.
IDS: Final = """
SELECT GROUP_CONCAT(id ORDER BY external_key) FROM job_seekers WHERE tenant_id = %s AND external_key IN %s
"""

_RELEASES: Final = """
INSERT INTO import_releases (import_id, line_user_id, job_seeker_id) VALUES %s
ON DUPLICATE KEY UPDATE job_seeker_id = import_releases.job_seeker_id
"""

# The unique key on (tenant, LINE id) may lead to another job seeker's row, if somebody else linked that LINE id since
# OWNERS was read: then the first assignment puts NULL where none may be, and the statement fails rather than give one
# person's row to another. Assignments run from left to right, so the LINE id itself comes last.
#
# A row with another LINE id knows nothing of that person yet. Both of its times are now, so that no answer about the
# old one, given or still to come, can be taken for the new one's (see _IS_STALE in settle.py).
_CHILDREN: Final = """
INSERT INTO line_accounts (tenant_id, job_seeker_id, line_user_id, linked_at) VALUES %s
ON DUPLICATE KEY UPDATE
    job_seeker_id = IF(line_accounts.job_seeker_id = VALUES(job_seeker_id), line_accounts.job_seeker_id, NULL),
    friend_status = IF(line_accounts.line_user_id = VALUES(line_user_id), friend_status, 'unknown'),
    not_friend_nights = IF(line_accounts.line_user_id = VALUES(line_user_id), not_friend_nights, 0),
    status_checked_at = IF(line_accounts.line_user_id = VALUES(line_user_id), status_checked_at, VALUES(linked_at)),
    linked_at = IF(line_accounts.line_user_id = VALUES(line_user_id), line_accounts.linked_at, VALUES(linked_at)),
    line_user_id = VALUES(line_user_id)
"""

_COUNT: Final = """
UPDATE imports SET chunks_done = chunks_done + 1, registered = registered + %s, updated = updated + %s,
                   rejected = rejected + %s, releases = releases + %s
WHERE import_id = %s
"""

_RACES: Final = 5
_OVERTAKEN: Final = frozenset({ER.DUP_ENTRY, ER.BAD_NULL_ERROR, ER.NO_REFERENCED_ROW_2})
"""Somebody else linked a LINE id, or deleted a job seeker, while the chunk was registered: look again."""


class MySqlRegistrationStore:
    """The registrar's store."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def register(self, chunk: RegistrationChunk, now: datetime) -> Registered | Refused:
        """Register one chunk in one transaction; again, or in another order, it changes nothing."""
        for _ in range(_RACES):
            try:
                return self._session.transact(lambda cursor: _register(cursor, chunk, now))
            except pymysql.IntegrityError as error:
                if error.args[0] not in _OVERTAKEN:
                    raise
        raise Unavailable(f"somebody else changed the same job seekers {_RACES} times")


@dataclass(frozen=True, slots=True)
class _Known:
    """A job seeker before this chunk."""

    seeker_id: int
    user_id: int | None
    line_user_id: str | None


def _register(cursor: Cursor, chunk: RegistrationChunk, now: datetime) -> Registered | Refused:
    cursor.execute(_LOCK, (chunk.import_id,))
    tenant_id, releases = cursor.fetchone() or (None, 0)
    if tenant_id != chunk.tenant_id:
        return Refused(f"there is no import {chunk.import_id} of tenant {chunk.tenant_id}")
    if not cursor.execute(_LEDGER, (chunk.import_id, chunk.chunk)):
        return Registered()
    # By key, so that two imports of a tenant lock in one order.
    rows = [SeekerRow(*row) for row in sorted(chunk.rows, key=lambda row: row[1])]
    known = _known(cursor, chunk.tenant_id, rows)
    errors = _owned_by_others(cursor, chunk, rows, known, has_released=releases > 0)
    wrong = {error.line for error in errors}
    good = [row for row in rows if row.line not in wrong]
    seeker_ids = _write_parents(cursor, chunk.tenant_id, good, known)
    released = _write_children(cursor, chunk, good, known, seeker_ids, now)
    if errors:
        cursor.execute(NOTE_ERRORS, (error_rows(chunk.import_id, errors),))
    updated = sum(row.external_key in known for row in good)
    registered = Registered(len(good) - updated, updated, len(errors))
    counts = (registered.registered, registered.updated, registered.rejected, released)
    cursor.execute(_COUNT, (*counts, chunk.import_id))
    return registered


def _known(cursor: Cursor, tenant_id: int, rows: Sequence[SeekerRow]) -> dict[str, _Known]:
    cursor.execute(KNOWN, (tenant_id, Texts(row.external_key for row in rows)))
    return {_key(found[0]): _Known(*found[1:]) for found in cursor.fetchall()}


def _owned_by_others(
    cursor: Cursor, chunk: RegistrationChunk, rows: Sequence[SeekerRow], known: dict[str, _Known], *, has_released: bool
) -> list[RowError]:
    line_ids = Texts(row.line_user_id for row in rows if row.line_user_id)
    if not line_ids:
        return []
    owners: dict[str, set[int]] = {}
    for sql, whose in ((OWNERS, chunk.tenant_id), (RELEASED, chunk.import_id))[: 1 + has_released]:
        cursor.execute(sql, (whose, line_ids))
        for line_user_id, seeker_id in cursor.fetchall():
            owners.setdefault(line_user_id, set()).add(seeker_id)
    return [
        RowError(row.line, "line_user_id", "belongs to another job seeker")
        for row in rows
        if row.line_user_id and owners.get(row.line_user_id, set()) - _own(known.get(row.external_key))
    ]


def _own(known: _Known | None) -> set[int]:
    return set() if known is None else {known.seeker_id}


def _write_parents(
    cursor: Cursor, tenant_id: int, rows: Sequence[SeekerRow], known: dict[str, _Known]
) -> dict[str, int]:
    """Write those that are new or say something new; everybody's id by key."""
    new = Texts(row.external_key for row in rows if row.external_key not in known)
    changed = [
        (tenant_id, row.external_key, row.user_id)
        for row in rows
        if row.external_key not in known or row.user_id not in {None, known[row.external_key].user_id}
    ]
    seeker_ids = {key: one.seeker_id for key, one in known.items()}
    if changed:
        cursor.execute(_PARENTS, (Rows(changed),))
    if new:
        cursor.execute(IDS, (tenant_id, new))
        ids = str(cursor.fetchall()[0][0] or "").split(",")
        if len(ids) != len(new):
            raise pymysql.IntegrityError(ER.NO_REFERENCED_ROW_2, "a job seeker was deleted while they were registered")
        seeker_ids |= dict(zip(new, map(int, ids), strict=True))
    return seeker_ids


def _write_children(  # noqa: PLR0913, PLR0917 - what is known of the chunk by now
    cursor: Cursor,
    chunk: RegistrationChunk,
    rows: Sequence[SeekerRow],
    known: dict[str, _Known],
    seeker_ids: dict[str, int],
    now: datetime,
) -> int:
    """Write the links that are new or other than before, by id; how many LINE ids that took from somebody."""
    before = {key: one.line_user_id for key, one in known.items()}
    linked = sorted(
        (seeker_ids[row.external_key], row.line_user_id, before.get(row.external_key))
        for row in rows
        if row.line_user_id not in {None, before.get(row.external_key)}
    )
    released = [(chunk.import_id, old, seeker_id) for seeker_id, _, old in linked if old is not None]
    if released:
        cursor.execute(_RELEASES, (Rows(released),))
    if linked:
        linked_at = utc(now)
        cursor.execute(_CHILDREN, (Rows(_child(chunk.tenant_id, *one, linked_at) for one in linked),))
    return len(released)


def _child(tenant_id: int, seeker_id: int, line_user_id: str, old: str | None, linked_at: datetime) -> tuple[Any, ...]:
    """Of a new link no older answer can come; of one to another LINE id it can."""
    return tenant_id, seeker_id, line_user_id, linked_at if old is not None else None


def _key(column: str) -> str:
    """A key as files have it: an older system may have left spaces at its end, and MySQL compares without them."""
    return column.rstrip(" ")
