"""The record of who was told about which change."""

from collections.abc import Sequence
from typing import Final

import pymysql
from pymysql.constants import ER
from pymysql.converters import escape_datetime
from pymysql.cursors import Cursor

from yomawari.adapters.mysql.connection import Session, utc
from yomawari.domain.motivations import ChangeKind
from yomawari.usecases.motivation_ports import Recorded, Targets
from yomawari.usecases.ports import Refused

# IGNORE would hide other errors too; setting the key to itself does nothing. One INSERT for a whole batch of messages:
# a transaction for each took a third to a half longer (MariaDB 10.11, ten messages of 186 targets). The rows are
# written out here and not bound as Rows, which took the function four times as long as all of this.
_RECORD: Final = """
INSERT INTO user_{kind}_motivation_history_notification_target_users
(user_{kind}_motivation_history_id, user_id, created_at) VALUES {rows}
ON DUPLICATE KEY UPDATE id = user_{kind}_motivation_history_notification_target_users.id
"""


class MySqlTargetStore:
    """The writer's store of targets."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def record(self, targets: Sequence[Targets]) -> list[Recorded | Refused]:
        """Write them all down; see the port for what is refused, for which each is tried by itself."""
        try:
            self._session.transact(lambda cursor: _record(cursor, targets))
        except pymysql.IntegrityError as error:
            if error.args[0] != ER.NO_REFERENCED_ROW_2:
                raise
            if len(targets) > 1:
                return [outcome for one in targets for outcome in self.record([one])]
            return [Refused(f"no {one.kind} history {one.history_id}") for one in targets]
        return [Recorded(len(set(one.user_ids))) for one in targets]


def _record(cursor: Cursor, targets: Sequence[Targets]) -> None:
    for kind in sorted({one.kind for one in targets}):
        cursor.execute(_RECORD.format(kind=kind, rows=_rows(kind, targets)))


def _rows(kind: ChangeKind, targets: Sequence[Targets]) -> str:
    """In the order of the keys, so that two writers lock in one order, and pages are written one after another."""
    people: dict[int, dict[int, str]] = {}
    for one in reversed(targets):  # of two times for one person the first counts
        if one.kind == kind:
            created_at = escape_datetime(utc(one.created_at))
            people.setdefault(one.history_id, {}).update(dict.fromkeys(one.user_ids, created_at))
    return ",".join(
        [
            f"({history_id:d},{user_id:d},{created_at_of[user_id]})"
            for history_id, created_at_of in sorted(people.items())
            for user_id in sorted(created_at_of)
        ]
    )
