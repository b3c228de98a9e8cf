"""Reading how far a day's notifications have come."""

from datetime import date
from typing import Any, Final

from pymysql.cursors import Cursor

from yomawari.adapters.mysql.connection import Session, from_utc, utc
from yomawari.domain.days import DayReport, SummaryReport
from yomawari.domain.summaries import bounds_of

CHANGES: Final = "SELECT COUNT(*) FROM motivation_audiences WHERE fixed_at >= %(begins)s AND fixed_at < %(ends)s"
UNTOLD: Final = """
SELECT n.tenant_id, COUNT(*) FROM motivation_audiences a
JOIN motivation_notifications n ON n.kind = a.kind AND n.history_id = a.history_id AND n.told_at IS NULL
WHERE a.fixed_at >= %(begins)s AND a.fixed_at < %(ends)s
GROUP BY n.tenant_id ORDER BY n.tenant_id
"""
RECORDED: Final = """
SELECT (SELECT COUNT(*) FROM user_job_change_motivation_history_notification_target_users
        WHERE created_at >= %(begins)s AND created_at < %(ends)s)
     + (SELECT COUNT(*) FROM user_side_job_motivation_history_notification_target_users
        WHERE created_at >= %(begins)s AND created_at < %(ends)s)
"""
_DISPATCHED: Final = "SELECT dispatched_at, recipients FROM summary_days WHERE day = %(day)s"
DELIVERIES: Final = """
SELECT tenant_id, state, COUNT(*) FROM summary_deliveries WHERE day = %(day)s
GROUP BY tenant_id, state ORDER BY tenant_id
"""


class MySqlDayReportStore:
    """The store behind `status <day>`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def report(self, day: date) -> DayReport:
        """One day; all zero when nothing happened on it."""
        begins, ends = bounds_of(day)
        args = {"day": day, "begins": utc(begins), "ends": utc(ends)}
        return self._session.transact(lambda cursor: _report(cursor, day, args))


def _report(cursor: Cursor, day: date, args: dict[str, Any]) -> DayReport:
    cursor.execute(CHANGES, args)
    (changes,) = cursor.fetchall()[0]
    cursor.execute(UNTOLD, args)
    untold = dict(cursor.fetchall())
    cursor.execute(RECORDED, args)
    (recorded,) = cursor.fetchall()[0]
    return DayReport(day=day, changes=changes, untold=untold, recorded=recorded, summary=_summary(cursor, args))


def _summary(cursor: Cursor, args: dict[str, Any]) -> SummaryReport:
    cursor.execute(_DISPATCHED, args)
    row = cursor.fetchone()
    cursor.execute(DELIVERIES, args)
    deliveries = cursor.fetchall()
    return SummaryReport(
        dispatched_at=row and from_utc(row[0]),
        recipients=row[1] if row else 0,
        sent=sum(count for _, state, count in deliveries if state == "sent"),
        rejected=sum(count for _, state, count in deliveries if state == "rejected"),
        claimed={tenant_id: count for tenant_id, state, count in deliveries if state == "claimed"},
    )
