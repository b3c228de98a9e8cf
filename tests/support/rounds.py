"""The round's stores under test, in memory and on MySQL behind one face, with a look into their tables."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from yomawari.adapters.mysql.connection import Database, Session, connect, from_utc, utc
from yomawari.adapters.mysql.dispatch import MySqlDispatchStore
from yomawari.adapters.mysql.ends import MySqlEndStore
from yomawari.adapters.mysql.memory import AccountRow, Change, RoundInMemory
from yomawari.adapters.mysql.memory_rows import Status
from yomawari.adapters.mysql.memory_sweeps import SweepsInMemory
from yomawari.adapters.mysql.reports import MySqlReportStore
from yomawari.adapters.mysql.settle import MySqlSettleStore
from yomawari.adapters.mysql.sweeps import MySqlSweepStore
from yomawari.domain.valve import Bounds
from yomawari.domain.ways import Channel

RUN = 2026_11_20_02_00
"""A Friday, weekday 4."""
NEXT_RUN = 2026_11_21_02_00
CHECK_RUN = 2026_11_20_14_75
"""A check outside the round, between the two nights."""

NIGHT = datetime(2026, 11, 19, 17, 0, tzinfo=UTC)
"""When RUN starts; times of observations count from here."""


def at(seconds: float) -> datetime:
    """So many seconds into the night."""
    return NIGHT + timedelta(seconds=seconds)


def line_id(seeker_id: int) -> str:
    """A LINE user id made from a job seeker's."""
    return f"U{seeker_id:032x}"


BY_PROFILE = Channel("profile")


class MemoryRounds:
    """The fake."""

    def __init__(self) -> None:
        self.tables = RoundInMemory()
        self.dispatch = self.settle = self.end = self.reports = self.tables
        self.sweeps = SweepsInMemory(self.tables)

    def add_tenant(
        self,
        tenant_id: int,
        rate_per_s: int | None = None,
        *,
        has_channel: bool = True,
        bounds: Bounds | None = None,
        channel: Channel = BY_PROFILE,
    ) -> None:
        self.tables.tenants[tenant_id] = f"tenant {tenant_id}"
        if has_channel:
            self.tables.channels[tenant_id] = rate_per_s
            self.tables.ways[tenant_id] = channel
        if bounds is not None:
            self.tables.bounds[tenant_id] = bounds

    def add_account(self, tenant_id: int, seeker_id: int, row: AccountRow) -> None:
        self.tables.accounts_by_key[tenant_id, seeker_id] = row

    def accounts(self) -> dict[tuple[int, int], AccountRow]:
        return self.tables.accounts_by_key

    def changes(self) -> list[Change]:
        return self.tables.changes


class MySqlRounds:
    """The real thing, on a database that has the schema."""

    def __init__(self, database: Database) -> None:
        self.session = Session(database, sleep=lambda _: None, uniform=lambda: 0.5)
        self._look = connect(database)
        self._look.autocommit(True)
        self.dispatch = MySqlDispatchStore(self.session, database)
        self.settle = MySqlSettleStore(self.session)
        self.end = MySqlEndStore(self.session)
        self.reports = MySqlReportStore(self.session)
        self.sweeps = MySqlSweepStore(self.session, database)

    def add_tenant(
        self,
        tenant_id: int,
        rate_per_s: int | None = None,
        *,
        has_channel: bool = True,
        bounds: Bounds | None = None,
        channel: Channel = BY_PROFILE,
    ) -> None:
        self._run("INSERT INTO tenants (id, name) VALUES (%s, %s)", (tenant_id, f"tenant {tenant_id}"))
        if has_channel:
            sql = """INSERT INTO line_channels (tenant_id, channel_id, rate_per_s, hold_over_percent, hold_over_seekers,
                                                check_by, followers_allowed, followers_probed_at)
                     VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"""
            own = (bounds.over_percent, bounds.over_seekers) if bounds else (None, None)
            probed_at = channel.followers_probed_at and utc(channel.followers_probed_at)
            way = (channel.check_by, channel.followers_allowed, probed_at)
            self._run(sql, (tenant_id, str(tenant_id), rate_per_s, *own, *way))

    def add_account(self, tenant_id: int, seeker_id: int, row: AccountRow) -> None:
        sql = "INSERT INTO job_seekers (id, tenant_id, external_key) VALUES (%s, %s, %s)"
        self._run(sql, (seeker_id, tenant_id, str(seeker_id)))
        checked_at = row.status_checked_at and utc(row.status_checked_at)
        sql = "INSERT INTO line_accounts VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
        self._run(
            sql,
            (
                tenant_id,
                seeker_id,
                row.line_user_id,
                row.friend_status,
                row.last_outcome,
                row.settled_run_id,
                checked_at,
                row.not_friend_nights,
                row.linked_at and utc(row.linked_at),
            ),
        )

    def accounts(self) -> dict[tuple[int, int], AccountRow]:
        return {
            (tenant_id, seeker_id): AccountRow(
                line, status, outcome, run_id, at and from_utc(at), nights, linked_at and from_utc(linked_at)
            )
            for tenant_id, seeker_id, line, status, outcome, run_id, at, nights, linked_at in self._run(
                "SELECT * FROM line_accounts"
            )
        }

    def changes(self) -> list[Change]:
        sql = """SELECT tenant_id, job_seeker_id, run_id, from_status, to_status, observed_at
                 FROM line_friend_status_changes ORDER BY id"""
        return [replace(Change(*row), observed_at=from_utc(row[-1])) for row in self._run(sql)]

    def clear(self) -> None:
        """Empty every table."""
        for table in (
            "line_friend_status_changes",
            "line_accounts",
            "job_seekers",
            "line_channels",
            "run_tenants",
            "runs",
            "tenants",
        ):
            self._run(f"DELETE FROM {table}")  # noqa: S608 - the names above

    def close(self) -> None:
        """Close both connections."""
        self.session.close()
        self._look.close()

    def _run(self, sql: str, args: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        with self._look.cursor() as cursor:
            cursor.execute(sql, args)
            return tuple(cursor.fetchall())


Rounds = MemoryRounds | MySqlRounds


@dataclass
class Seeding:
    """A shorthand for the usual start: tenants with so many job seekers, numbered tenant * 1,000 + 1 and on."""

    rounds: Rounds

    def tenant(self, tenant_id: int, seekers: int = 0, status: Status = "unknown", **options: Any) -> list[int]:
        """Add a tenant; returns its job seekers' ids."""
        self.rounds.add_tenant(tenant_id, **options)
        ids = list(range(tenant_id * 1_000 + 1, tenant_id * 1_000 + 1 + seekers))
        for seeker_id in ids:
            self.rounds.add_account(tenant_id, seeker_id, AccountRow(line_id(seeker_id), status))
        return ids

    def dispatched(self, run_id: int, tenants: dict[int, int]) -> None:
        """Make a run with everything sent: so many job seekers by tenant."""
        self.rounds.dispatch.begin(run_id, NIGHT)
        for tenant_id, seekers in tenants.items():
            self.rounds.dispatch.sent(run_id, tenant_id, seekers, 1)
        self.rounds.dispatch.all_sent(run_id, NIGHT)
