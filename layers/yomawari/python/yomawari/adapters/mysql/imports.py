"""An import's record: begun and cut by the splitter, ended by whoever sees its last chunk, and announced."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pymysql.cursors import Cursor

from yomawari.adapters.mysql.connection import Rows, Session, utc
from yomawari.domain.imports import ImportEndState, ImportKey, RowError
from yomawari.messages import ImportCompleted
from yomawari.usecases.ports import Refused

# Made from the tenant's own row, so that there is no import without a tenant. IGNORE would hide other errors too.
_BEGIN: Final = """
INSERT INTO imports (import_id, tenant_id, object_key, etag, state, created_at)
SELECT %(import)s, id, %(key)s, %(etag)s, 'splitting', %(now)s FROM tenants WHERE id = %(tenant)s
ON DUPLICATE KEY UPDATE import_id = imports.import_id
"""
_BEGUN: Final = "SELECT object_key, etag, state FROM imports WHERE import_id = %s"

NOTE_ERRORS: Final = """
INSERT INTO import_errors (import_id, line, column_name, reason) VALUES %s
ON DUPLICATE KEY UPDATE line = import_errors.line
"""

# Only the first of two splits counts. Its errors are added once, for registering may have counted some by now.
_ALL_SENT: Final = """
UPDATE imports SET state = 'registering', rows_total = %(rows)s, chunks = %(chunks)s, rejected = rejected + %(rejected)s
WHERE import_id = %(import)s AND state = 'splitting'
"""
_REJECT: Final = """
UPDATE imports SET state = 'rejected', reason = %(reason)s, ended_at = %(now)s
WHERE import_id = %(import)s AND state = 'splitting'
"""
_REASON_CHARACTERS: Final = 500

# Asked after every chunk, and answered by nothing until the last: it must cost little, and lock nobody.
_IN_SIGHT: Final = """
SELECT state FROM imports WHERE import_id = %s
AND (state = 'registering' AND chunks_done = chunks OR ended_at IS NOT NULL AND announced_state IS NULL)
"""
# One statement decides, so that the end has one time; both of two registrars that see it may announce it.
_END: Final = """
UPDATE imports SET state = IF(rejected > 0, 'completed_with_errors', 'completed'), ended_at = %(now)s
WHERE import_id = %(import)s AND state = 'registering' AND chunks_done = chunks
"""
_UNANNOUNCED: Final = """
SELECT import_id, tenant_id, state, reason, COALESCE(rows_total, 0), registered, updated, rejected FROM imports
WHERE import_id = %s AND ended_at IS NOT NULL AND announced_state IS NULL
"""
_ANNOUNCED: Final = "UPDATE imports SET announced_state = %s WHERE import_id = %s"


class MySqlImportStore:
    """The splitter's store."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def begin(self, key: ImportKey, etag: str, now: datetime) -> bool | Refused:
        """Write the import down if it is not; False when its file was cut or rejected before."""
        args = {
            "import": key.import_id,
            "tenant": key.tenant_id,
            "key": key.text,
            "etag": etag,
            "now": utc(now),
        }

        def work(cursor: Cursor) -> bool | Refused:
            cursor.execute(_BEGIN, args)
            cursor.execute(_BEGUN, (key.import_id,))
            found = cursor.fetchone()
            if found is None:
                return Refused(f"there is no tenant {key.tenant_id}")
            object_key, known_etag, state = found
            if (object_key, known_etag) != (key.text, etag):
                return Refused(f"import {key.import_id} is another file's")
            return bool(state == "splitting")

        return self._session.transact(work)

    def note_errors(self, import_id: str, errors: Sequence[RowError]) -> None:
        """Write row errors down, in one statement; those that are there stay as they are."""
        self._session.transact(lambda cursor: cursor.execute(NOTE_ERRORS, (error_rows(import_id, errors),)))

    def all_sent(self, import_id: str, rows: int, chunks: int, rejected: int) -> None:
        """The file is cut: so many rows, of which so many are rejected, and all chunks are on the queue."""
        args = {"import": import_id, "rows": rows, "chunks": chunks, "rejected": rejected}
        self._session.transact(lambda cursor: cursor.execute(_ALL_SENT, args))

    def reject(self, import_id: str, reason: str, now: datetime) -> None:
        """End the import, for its file cannot be read."""
        args = {"import": import_id, "reason": reason[:_REASON_CHARACTERS], "now": utc(now)}
        self._session.transact(lambda cursor: cursor.execute(_REJECT, args))


class MySqlImportEndStore:
    """The store behind the end of an import."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def end(self, import_id: str, now: datetime) -> ImportCompleted | None:
        """End the import if nothing is missing; the event when the bus has not been told of its end yet."""

        def work(cursor: Cursor) -> ImportCompleted | None:
            if not cursor.execute(_IN_SIGHT, (import_id,)):
                return None
            cursor.execute(_END, {"import": import_id, "now": utc(now)})
            cursor.execute(_UNANNOUNCED, (import_id,))
            found = cursor.fetchone()
            return None if found is None else _event(*found)

        return self._session.transact(work)

    def announced(self, import_id: str, state: ImportEndState) -> None:
        """The bus has been told."""
        self._session.transact(lambda cursor: cursor.execute(_ANNOUNCED, (state, import_id)))


def error_rows(import_id: str, errors: Sequence[RowError]) -> Rows:
    """Row errors as NOTE_ERRORS takes them."""
    return Rows((import_id, error.line, error.column, error.reason) for error in errors)


def _event(  # noqa: PLR0913, PLR0917 - the columns of _UNANNOUNCED
    import_id: str,
    tenant_id: int,
    state: ImportEndState,
    reason: str | None,
    rows: int,
    registered: int,
    updated: int,
    rejected: int,
) -> ImportCompleted:
    return ImportCompleted(
        import_id=import_id,
        tenant_id=tenant_id,
        state=state,
        reason=reason,
        rows=rows,
        registered=registered,
        updated=updated,
        rejected=rejected,
    )
