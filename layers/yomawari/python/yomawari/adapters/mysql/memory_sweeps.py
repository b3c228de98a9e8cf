"""The fake beside MySqlSweepStore, on the round in memory."""

from collections.abc import Generator
from dataclasses import replace
from datetime import datetime

from yomawari.adapters.mysql.memory import RoundInMemory
from yomawari.domain.chunks import Seeker
from yomawari.domain.ways import Channel


class SweepsInMemory:
    """The sweeper's store."""

    def __init__(self, tables: RoundInMemory) -> None:
        self._tables = tables

    def seekers(self, run_id: int, tenant_id: int) -> Generator[Seeker, None, None]:
        """See SweepStore."""
        for _tenant_id, seeker_id, line_user_id in self._tables.accounts(run_id, [tenant_id]):
            yield seeker_id, line_user_id

    def probed(self, tenant_id: int, now: datetime, *, allowed: bool) -> None:
        """See SweepStore."""
        known = self._tables.ways.get(tenant_id, Channel())
        self._tables.ways[tenant_id] = replace(known, followers_allowed=allowed, followers_probed_at=now)
