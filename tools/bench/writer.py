"""The writer: rows a second through the real use case on one connection, by how many statuses change."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from tools.bench.database import fill, private_database
from yomawari.adapters.events_fake import EventBusFake
from yomawari.adapters.mysql.connection import Database, Session
from yomawari.adapters.mysql.dispatch import MySqlDispatchStore
from yomawari.adapters.mysql.ends import MySqlEndStore
from yomawari.adapters.mysql.settle import MySqlSettleStore
from yomawari.messages import CheckResults, ReleaseHold
from yomawari.usecases.conclude_run import ConcludeRun
from yomawari.usecases.ports import Refused
from yomawari.usecases.write_results import WriteResults

TENANTS = 20
SEEKERS = 200_000
MESSAGE_ROWS = 1_000
NIGHT = datetime(2026, 11, 19, 17, tzinfo=UTC)
FIRST_RUN = 2026_11_20_02_00

TARGET_ROWS_PER_S = 100_000


def run() -> dict[str, Any]:
    """Settle 200,000 job seekers night after night; every message is parsed, written, and may end the run.

    The first night is for warming up. All rows are friends before each measured night, but for the last: before that a
    night has lost everybody, which was held, and released tenant by tenant.
    """
    with private_database() as database:
        fill(database, TENANTS, SEEKERS)
        round_ = _Round(database)
        round_.night(changed_every=0)
        unchanged = median(round_.night(changed_every=0) for _ in range(3))
        one_percent = round_.night(changed_every=100)
        round_.night(changed_every=0)
        held = round_.night(changed_every=1)
        released = round_.release()
        all_changed = round_.night(changed_every=0)
        round_.close()
    figures = {
        "unchanged_rows_per_s": round(unchanged),
        "changed_1_percent_rows_per_s": round(one_percent),
        "changed_all_rows_per_s": round(all_changed),
        "lost_all_and_held_rows_per_s": round(held),
        "released_rows_per_s": round(released),
        "cost_of_1_percent": round(unchanged / one_percent, 2),
        "cost_of_all": round(unchanged / all_changed, 2),
    }
    targets = {"unchanged_rows_per_s": TARGET_ROWS_PER_S}
    return {"figures": figures, "targets": targets, "reached": unchanged >= TARGET_ROWS_PER_S}


class _Round:
    """One writer, and the nights it has written."""

    def __init__(self, database: Database) -> None:
        self._session = Session(database)
        self._dispatch = MySqlDispatchStore(self._session, database)
        conclude = ConcludeRun(MySqlEndStore(self._session), EventBusFake(), lambda: NIGHT)
        self._write = WriteResults(MySqlSettleStore(self._session), conclude)
        self._nights = 0

    def night(self, changed_every: int) -> float:
        """Settle everybody, one in so many as no friend (0: nobody); returns rows a second."""
        self._nights += 1
        run_id = FIRST_RUN + self._nights
        self._dispatch.begin(run_id, NIGHT)
        for tenant_id in range(1, TENANTS + 1):
            self._dispatch.sent(run_id, tenant_id, SEEKERS // TENANTS, 1)
        self._dispatch.all_sent(run_id, NIGHT)
        bodies = _bodies(run_id, NIGHT + timedelta(days=self._nights), changed_every)
        began_s = time.perf_counter()
        for body in bodies:
            if isinstance(refused := self._write(CheckResults.model_validate_json(body)), Refused):
                raise TypeError(refused.reason)
        return SEEKERS / (time.perf_counter() - began_s)

    def release(self) -> float:
        """Have the last night's holds written; returns rows a second."""
        began_s = time.perf_counter()
        for tenant_id in range(1, TENANTS + 1):
            self._write(ReleaseHold(run_id=FIRST_RUN + self._nights, tenant_id=tenant_id))
        return SEEKERS / (time.perf_counter() - began_s)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()


def _bodies(run_id: int, observed_at: datetime, changed_every: int) -> Sequence[str]:
    return [_body(run_id, observed_at, first, changed_every) for first in range(1, SEEKERS + 1, MESSAGE_ROWS)]


def _body(run_id: int, observed_at: datetime, first: int, changed_every: int) -> str:
    ids = range(first, first + MESSAGE_ROWS)
    changed = [seeker_id for seeker_id in ids if changed_every and seeker_id % changed_every == 0]
    message = CheckResults(
        run_id=run_id,
        tenant_id=(first - 1) // (SEEKERS // TENANTS) + 1,
        observed_at=observed_at,
        friend=sorted(set(ids) - set(changed)),
        not_friend=changed,
    )
    return message.model_dump_json()
