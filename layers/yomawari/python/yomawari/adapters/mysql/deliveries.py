"""The record of who got the summary of a day; domain/deliveries.py says what it is for."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final, Literal

from pymysql.cursors import Cursor

from yomawari.adapters.mysql.connection import Ids, Session, from_utc, utc
from yomawari.domain.deliveries import Claim

_CLAIM: Final = """
INSERT INTO summary_deliveries (day, user_id, tenant_id, first_attempt_at) VALUES {rows}
ON DUPLICATE KEY UPDATE day = summary_deliveries.day
"""
_ROW: Final = "(%(day)s, {:d}, %(tenant)s, %(now)s)"
CLAIMS: Final = """
SELECT user_id, tenant_id, state, first_attempt_at FROM summary_deliveries
WHERE day = %(day)s AND user_id IN %(users)s
"""
SETTLED: Final = """
UPDATE summary_deliveries SET state = %(state)s, settled_at = %(now)s
WHERE day = %(day)s AND user_id IN %(users)s AND tenant_id = %(tenant)s AND state = 'claimed'
"""


class MySqlDeliveryStore:
    """The store of send_summaries. Every call is one transaction, and its statements do not grow with the people."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def claim(self, day: date, tenant_id: int, user_ids: Sequence[int], now: datetime) -> Mapping[int, Claim]:
        """Claim those nobody has claimed; what the record then holds for each of them, by user id."""
        if not user_ids:
            return {}
        ordered = sorted(set(user_ids))  # two workers with the same people lock them in one order

        claim = _CLAIM.format(rows=",".join(map(_ROW.format, ordered)))
        args = {"day": day, "users": Ids(ordered), "tenant": tenant_id, "now": utc(now)}

        def work(cursor: Cursor) -> dict[int, Claim]:
            cursor.execute(claim, args)
            cursor.execute(CLAIMS, args)
            return {
                user_id: Claim(owner_id, state, from_utc(first_attempt_at))
                for user_id, owner_id, state, first_attempt_at in cursor.fetchall()
            }

        return self._session.transact(work)

    def mark(
        self, day: date, tenant_id: int, user_ids: Sequence[int], state: Literal["sent", "rejected"], now: datetime
    ) -> int:
        """LINE accepted these, or knows none of them: note it where nothing is noted yet, and say for how many."""
        if not user_ids:
            return 0
        args = {"day": day, "tenant": tenant_id, "users": Ids(user_ids), "state": state, "now": utc(now)}
        return self._session.transact(lambda cursor: cursor.execute(SETTLED, args))
