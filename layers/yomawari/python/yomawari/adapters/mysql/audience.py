"""Who is told about a change: the one expensive query of this job, and the place for an adopter's own."""

from typing import Final

from pymysql.cursors import Cursor

from yomawari.adapters.mysql.channels import CHANNELS, recipient
from yomawari.adapters.mysql.connection import Session, from_utc
from yomawari.domain.motivations import Audience, Change, ChangeKind, ChangerGone, NoSuchHistory, Recipient

_CHANGE: Final = """
SELECT h.user_id, u.display_name, h.motivation, h.changed_at, u.deleted_at IS NOT NULL
FROM user_{kind}_motivation_histories h JOIN users u ON u.id = h.user_id
WHERE h.id = %s
"""
_CHANGE_BY_KIND: Final[dict[ChangeKind, str]] = {
    "job_change": _CHANGE.format(kind="job_change"),
    "side_job": _CHANGE.format(kind="side_job"),
}

# Where an adopter's own rule goes: anything that gives user ids, each once. Both halves are one stretch of a primary
# key, and UNION merges who is in both. The comment in AUDIENCE is the mark by which audience queries are counted.
CANDIDATES: Final = """
    SELECT connected_user_id AS user_id FROM user_connections
    WHERE user_id = %(changer)s AND connected_user_id <> %(changer)s
    UNION
    SELECT user_id FROM scout_conditions
    WHERE kind = %(kind)s AND motivation = %(motivation)s AND user_id <> %(changer)s
"""
AUDIENCE: Final = f"/* audience */ {CHANNELS.format(candidates=CANDIDATES)}"


class MySqlAudienceStore:
    """The store behind the audience; all it does is read, so a read-only user will do."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def audience(self, kind: ChangeKind, history_id: int, user_id: int) -> Audience | NoSuchHistory | ChangerGone:
        """The change and whom to tell, each person once; see the port for who that is."""
        return self._session.transact(lambda cursor: _audience(cursor, kind, history_id, user_id))


def _audience(
    cursor: Cursor, kind: ChangeKind, history_id: int, user_id: int
) -> Audience | NoSuchHistory | ChangerGone:
    change = change_of(cursor, kind, history_id, user_id)
    return Audience(change, recipients_of(cursor, change)) if isinstance(change, Change) else change


def change_of(cursor: Cursor, kind: ChangeKind, history_id: int, user_id: int) -> Change | NoSuchHistory | ChangerGone:
    """The change, if it is this user's and the user is still there."""
    cursor.execute(_CHANGE_BY_KIND[kind], (history_id,))
    found = cursor.fetchone()
    if found is None or found[0] != user_id:
        return NoSuchHistory()
    changer_id, name, motivation, changed_at, is_deleted = found
    return ChangerGone() if is_deleted else Change(kind, history_id, changer_id, name, motivation, from_utc(changed_at))


def recipients_of(cursor: Cursor, change: Change) -> tuple[Recipient, ...]:
    """Whom to tell, by (tenant, user), each person once: the expensive query."""
    cursor.execute(AUDIENCE, {"changer": change.user_id, "kind": change.kind, "motivation": change.motivation})
    return tuple(map(recipient, cursor.fetchall()))
