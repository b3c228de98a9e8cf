"""Which change is told to whom through which channel: fixed once, in the transaction that asks for the audience."""

import json
from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Final

import pymysql
from pymysql.constants import ER
from pymysql.cursors import Cursor

from yomawari.adapters.mysql.audience import change_of, recipients_of
from yomawari.adapters.mysql.connection import Row, Session, from_utc, utc
from yomawari.domain.motivations import (
    Change,
    ChangeKind,
    ChangerGone,
    NoSuchHistory,
    Notification,
    Recipient,
    TakenUp,
)

# Not ON DUPLICATE KEY UPDATE: whether this one is the first must be known. A second one waits here for the first one's
# commit, and then finds what that one fixed.
_FIX: Final = "INSERT INTO motivation_audiences (kind, history_id, fixed_at) VALUES (%s, %s, %s)"
_FIXED_AT: Final = "SELECT fixed_at FROM motivation_audiences WHERE kind = %s AND history_id = %s"
_NOTIFY: Final = """
INSERT INTO motivation_notifications (kind, history_id, tenant_id, recipients) VALUES (%s, %s, %s, %s)
"""
UNTOLD: Final = """
SELECT n.tenant_id, t.language, n.recipients, c.rate_per_s
FROM motivation_notifications n JOIN tenants t ON t.id = n.tenant_id
LEFT JOIN line_channels c ON c.tenant_id = n.tenant_id
WHERE n.kind = %s AND n.history_id = %s AND n.told_at IS NULL ORDER BY n.tenant_id
"""
_TOLD: Final = """
UPDATE motivation_notifications SET told_at = %s
WHERE kind = %s AND history_id = %s AND tenant_id = %s AND told_at IS NULL
"""


class MySqlNotificationStore:
    """The store of notify_change."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def take_up(
        self, kind: ChangeKind, history_id: int, user_id: int, now: datetime
    ) -> TakenUp | NoSuchHistory | ChangerGone:
        """Fix the change's audience, unless that was done before; and say what is not told yet."""
        return self._session.transact(lambda cursor: _take_up(cursor, kind, history_id, user_id, now))

    def told(self, kind: ChangeKind, history_id: int, tenant_id: int, now: datetime) -> None:
        """LINE has answered for everybody on this channel."""
        self._session.transact(lambda cursor: cursor.execute(_TOLD, (utc(now), kind, history_id, tenant_id)))


def _take_up(
    cursor: Cursor, kind: ChangeKind, history_id: int, user_id: int, now: datetime
) -> TakenUp | NoSuchHistory | ChangerGone:
    change = change_of(cursor, kind, history_id, user_id)
    if not isinstance(change, Change):
        return change
    if _is_first(cursor, kind, history_id, now):
        rows = _rows(kind, history_id, recipients_of(cursor, change))
        if rows:
            cursor.executemany(_NOTIFY, rows)
    cursor.execute(_FIXED_AT, (kind, history_id))
    fixed_at = from_utc(cursor.fetchall()[0][0])
    cursor.execute(UNTOLD, (kind, history_id))
    return TakenUp(change, fixed_at, tuple(map(_notification, cursor.fetchall())))


def _is_first(cursor: Cursor, kind: ChangeKind, history_id: int, now: datetime) -> bool:
    try:
        cursor.execute(_FIX, (kind, history_id, utc(now)))
    except pymysql.IntegrityError as error:
        if error.args[0] != ER.DUP_ENTRY:
            raise
        return False
    return True


def _rows(kind: ChangeKind, history_id: int, recipients: Iterable[Recipient]) -> list[Row]:
    """One row per tenant; the audience comes ordered by (tenant, user)."""
    return [
        (kind, history_id, tenant_id, json.dumps([(one.user_id, one.line_user_id) for one in own]))
        for tenant_id, own in groupby(recipients, key=attrgetter("tenant_id"))
    ]


def _notification(row: Row) -> Notification:
    tenant_id, language, recipients, rate_per_s = row
    return Notification(tenant_id, language, tuple(map(tuple, json.loads(recipients))), rate_per_s)
