"""Who must be told of a change, worked out in Python from the tables: the demonstration's own opinion."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pymysql.cursors import Cursor

from yomawari.adapters.mysql.connection import from_utc
from yomawari.domain.motivations import Change, ChangeKind, Language

Key = tuple[ChangeKind, int]
"""(kind, history id)"""


@dataclass
class Audiences:
    """Some changes and whom they concern.

    Attributes:
        changes: by key.
        of: user ids by key.
        languages: each reachable person's, by user id.
        people: user ids by (tenant id, LINE user id) of everybody's one channel.
    """

    changes: dict[Key, Change] = field(default_factory=dict)
    of: dict[Key, set[int]] = field(default_factory=dict)
    languages: dict[int, Language] = field(default_factory=dict)
    people: dict[tuple[int, str], int] = field(default_factory=dict)

    @classmethod
    def read(cls, cursor: Cursor, keys: Sequence[Key]) -> "Audiences":
        """Work out the audiences of these changes, as the tables are now."""
        made = cls()
        made._read_people(cursor)
        for key in keys:
            made._read_change(cursor, key)
        return made

    def _read_people(self, cursor: Cursor) -> None:
        """Everybody who can be reached, by the first channel whose friend they are."""
        gone = {user_id for (user_id,) in _rows(cursor, "SELECT id FROM users WHERE deleted_at IS NOT NULL")}
        silent = "SELECT id FROM users WHERE notifications_opted_out_at IS NOT NULL"
        gone |= {user_id for (user_id,) in _rows(cursor, silent)}
        languages = dict(_rows(cursor, "SELECT id, language FROM tenants"))
        entries = """SELECT a.tenant_id, a.job_seeker_id, s.user_id, a.line_user_id FROM line_accounts a
                     JOIN job_seekers s ON s.id = a.job_seeker_id WHERE a.friend_status = 'friend'"""
        for tenant_id, _, user_id, line_user_id in sorted(_rows(cursor, entries)):
            if user_id not in gone and user_id not in self.languages:
                self.languages[user_id] = languages[tenant_id]
                self.people[tenant_id, line_user_id] = user_id

    def _read_change(self, cursor: Cursor, key: Key) -> None:
        kind, history_id = key
        history = f"""SELECT h.user_id, u.display_name, h.motivation, h.changed_at
                      FROM user_{kind}_motivation_histories h JOIN users u ON u.id = h.user_id WHERE h.id = %s"""
        ((user_id, name, motivation, changed_at),) = _rows(cursor, history, history_id)
        change = self.changes[key] = Change(kind, history_id, user_id, name, motivation, from_utc(changed_at))
        connected = "SELECT connected_user_id FROM user_connections WHERE user_id = %s"
        scouts = "SELECT user_id FROM scout_conditions WHERE kind = %s AND motivation = %s"
        concerned = {one for (one,) in [*_rows(cursor, connected, user_id), *_rows(cursor, scouts, kind, motivation)]}
        self.of[key] = (concerned & self.languages.keys()) - {change.user_id}


def _rows(cursor: Cursor, sql: str, *args: object) -> Iterable[tuple[Any, ...]]:
    cursor.execute(sql, args)
    return cursor.fetchall()
