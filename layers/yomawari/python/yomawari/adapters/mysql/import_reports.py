"""Reading imports."""

from typing import Any, Final

from pymysql.cursors import Cursor

from yomawari.adapters.mysql.connection import Session, from_utc
from yomawari.domain.imports import ERRORS_PER_PAGE, FIRST_ERRORS, ErrorReport, ImportErrors, ImportReport

_IMPORT: Final = """
SELECT import_id, tenant_id, object_key, state, reason, created_at, ended_at, rows_total, registered, updated, rejected
FROM imports WHERE import_id = %s
"""
ERRORS: Final = """
SELECT line, column_name, reason FROM import_errors WHERE import_id = %s AND line > %s ORDER BY line LIMIT %s
"""


class MySqlImportReportStore:
    """The store behind the reports of imports; all it does is read, so a read-only user will do."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def report(self, import_id: str) -> ImportReport | None:
        """One import with its first errors; None when there is no such import."""

        def work(cursor: Cursor) -> ImportReport | None:
            cursor.execute(_IMPORT, (import_id,))
            found = cursor.fetchone()
            return None if found is None else _report(found, _errors(cursor, import_id, 0, FIRST_ERRORS))

        return self._session.transact(work)

    def errors(self, import_id: str, after_line: int) -> ImportErrors:
        """The next page of its errors, by line."""
        page = self._session.transact(lambda cursor: _errors(cursor, import_id, after_line, ERRORS_PER_PAGE))
        return ImportErrors(import_id=import_id, errors=page)


def _errors(cursor: Cursor, import_id: str, after_line: int, most: int) -> list[ErrorReport]:
    cursor.execute(ERRORS, (import_id, after_line, most))
    return [ErrorReport(line=line, column=column, reason=reason) for line, column, reason in cursor.fetchall()]


def _report(found: tuple[Any, ...], errors: list[ErrorReport]) -> ImportReport:
    import_id, tenant_id, object_key, state, reason, created_at, ended_at, rows, registered, updated, rejected = found
    return ImportReport(
        import_id=import_id,
        tenant_id=tenant_id,
        object_key=object_key,
        state=state,
        reason=reason,
        created_at=from_utc(created_at),
        ended_at=ended_at and from_utc(ended_at),
        rows=rows,
        registered=registered,
        updated=updated,
        rejected=rejected,
        errors=errors,
    )
