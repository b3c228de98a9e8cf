"""The record as the summary reads it: who was told what on a day. No audience is ever asked for here."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from functools import partial
from heapq import merge
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import Final

from pymysql.cursors import Cursor

from yomawari.adapters.mysql.channels import CHANNELS, recipient
from yomawari.adapters.mysql.connection import Database, Ids, Row, Session, from_utc, stream, utc
from yomawari.domain.motivations import Change, ChangeKind, Recipient
from yomawari.domain.summaries import Aged, Summary, aged, bounds_of, summary_of

# One row per recipient and kind, with the ids of the histories in a list: a row per target took five times as long
# (MariaDB 10.11, 400,000 targets: 0.9 s against 0.16), and would carry every name once per recipient. It reads nothing
# but the day's stretch of an index that holds all three columns; FORCE INDEX because a day of a young record is most of
# it, and the server would rather walk the whole table. One statement for both kinds (UNION ALL) took a fifth longer or
# more: the server copies everything into a temporary table first.
TOLD: Final = """
SELECT user_id, '{kind}', GROUP_CONCAT(user_{kind}_motivation_history_id)
FROM user_{kind}_motivation_history_notification_target_users FORCE INDEX ({kind}_targets_told)
WHERE created_at >= %(begins)s AND created_at < %(ends)s
GROUP BY user_id ORDER BY user_id
"""

CHANGES: Final = """
SELECT h.id, h.user_id, u.display_name, h.motivation, h.changed_at
FROM user_{kind}_motivation_histories h JOIN users u ON u.id = h.user_id AND u.deleted_at IS NULL
WHERE h.id IN %(ids)s
"""
CHANNELS_OF: Final = CHANNELS.format(candidates="SELECT id AS user_id FROM users WHERE id IN %(ids)s")

_DISPATCHED: Final = """
INSERT INTO summary_days (day, recipients, chunks, dispatched_at) VALUES (%s, %s, %s, %s)
ON DUPLICATE KEY UPDATE recipients = VALUES(recipients), chunks = VALUES(chunks), dispatched_at = VALUES(dispatched_at)
"""

_PEOPLE_AT_ONCE: Final = 500

_KINDS: Final[tuple[ChangeKind, ...]] = ("job_change", "side_job")

_Told = dict[ChangeKind, list[str]]
_Known = dict[str, Aged | None]
"""Changes by the history's id, as the server writes it in its lists; None where the changer is deleted."""


class MySqlSummaryStore:
    """The store behind dispatch_summaries; it looks up on one connection while it streams on two others, one a kind.

    Memory does not grow with the targets, nor with the recipients. Weakness: it grows with the day's changes, by less
    than 1 KB each, because every one of them is kept once it was looked up.
    """

    def __init__(self, session: Session, database: Database) -> None:
        self._session = session
        self._database = database

    def summaries(self, day: date) -> Iterator[Summary]:
        """Stream everybody who was told something on that day, by user id; see the port for who is left out."""
        known: dict[ChangeKind, _Known] = {kind: {} for kind in _KINDS}
        people = self._told(day)
        while some := list(islice(people, _PEOPLE_AT_ONCE)):
            for kind in _KINDS:
                self._look_up(kind, known[kind], set().union(*(told.get(kind, ()) for _, told in some)))
            channels = self._session.transact(partial(_channels, ids=Ids(user_id for user_id, _ in some)))
            for user_id, told in some:
                found = chain.from_iterable(map(known[kind].__getitem__, ids) for kind, ids in told.items())
                changes = list(filter(None, found))
                if changes and user_id in channels:
                    yield summary_of(channels[user_id], changes)

    def dispatched(self, day: date, recipients: int, chunks: int, now: datetime) -> None:
        """All chunks of a day's summary are on the queue; said again, the last time counts."""
        args = (day, recipients, chunks, utc(now))
        self._session.transact(lambda cursor: cursor.execute(_DISPATCHED, args))

    def _told(self, day: date) -> Iterator[tuple[int, _Told]]:
        """Each recipient, by user id, with the ids of what they were told of each kind."""
        begins, ends = bounds_of(day)
        args = {"begins": utc(begins), "ends": utc(ends)}
        streams = _begun([stream(self._database, TOLD.format(kind=kind), args) for kind in _KINDS])
        for user_id, rows in groupby(merge(*streams, key=itemgetter(0)), key=itemgetter(0)):
            yield user_id, {kind: ids.split(",") for _, kind, ids in rows}

    def _look_up(self, kind: ChangeKind, known: _Known, listed: set[str]) -> None:
        ids = Ids(map(int, listed - known.keys()))
        if ids:
            known.update(self._session.transact(partial(_changes, kind=kind, ids=ids)))


def _begun(streams: Sequence[Iterator[Row]]) -> list[Iterator[Row]]:
    """Have the server work on all of them at once: it sorts each as a whole before the first row comes."""
    with ThreadPoolExecutor(len(streams)) as threads:
        firsts = list(threads.map(lambda rows: list(islice(rows, 1)), streams))
    return [chain(first, rest) for first, rest in zip(firsts, streams, strict=True)]


def _changes(cursor: Cursor, kind: ChangeKind, ids: Ids) -> _Known:
    cursor.execute(CHANGES.format(kind=kind), {"ids": ids})
    found: _Known = dict.fromkeys(map(str, ids))
    for history_id, user_id, name, motivation, changed_at in cursor.fetchall():
        found[str(history_id)] = aged(Change(kind, history_id, user_id, name, motivation, from_utc(changed_at)))
    return found


def _channels(cursor: Cursor, ids: Ids) -> dict[int, Recipient]:
    cursor.execute(CHANNELS_OF, {"ids": ids})
    return {one.user_id: one for one in map(recipient, cursor.fetchall())}
