"""A sweep's side of MySQL: whom the run asks about, and what LINE said of the channel's list."""

from collections.abc import Generator
from datetime import datetime
from typing import Final

from yomawari.adapters.mysql.connection import Database, Session, utc
from yomawari.adapters.mysql.dispatch import enumerate_accounts
from yomawari.domain.chunks import Seeker

_PROBED: Final = """
UPDATE line_channels SET followers_allowed = %s, followers_probed_at = %s WHERE tenant_id = %s
"""


class MySqlSweepStore:
    """The sweeper's store; it reads on a connection of its own, as the dispatcher does."""

    def __init__(self, session: Session, database: Database) -> None:
        self._session = session
        self._database = database

    def seekers(self, run_id: int, tenant_id: int) -> Generator[Seeker, None, None]:
        """See SweepStore."""
        for _tenant_id, seeker_id, line_user_id in enumerate_accounts(self._database, run_id, [tenant_id]):
            yield seeker_id, line_user_id

    def probed(self, tenant_id: int, now: datetime, *, allowed: bool) -> None:
        """See SweepStore."""
        self._session.transact(lambda cursor: cursor.execute(_PROBED, (allowed, utc(now), tenant_id)))
