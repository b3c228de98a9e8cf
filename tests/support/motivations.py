"""The stores about motivations under test, in memory and on MySQL behind one face, with a look into their tables."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from yomawari.adapters.mysql.audience import MySqlAudienceStore
from yomawari.adapters.mysql.connection import Database, Session, connect, from_utc, utc
from yomawari.adapters.mysql.days import MySqlDayReportStore
from yomawari.adapters.mysql.deliveries import MySqlDeliveryStore
from yomawari.adapters.mysql.motivations_memory import EntryRow, HistoryRow, MotivationsInMemory, UserRow
from yomawari.adapters.mysql.notifications import MySqlNotificationStore
from yomawari.adapters.mysql.summaries import MySqlSummaryStore
from yomawari.adapters.mysql.targets import MySqlTargetStore
from yomawari.domain.deliveries import Claim
from yomawari.domain.motivations import ChangeKind, Language, Motivation
from yomawari.usecases.motivation_ports import Recorded, Targets
from yomawari.usecases.ports import Refused

DAY = date(2026, 11, 20)
MIDNIGHT = datetime(2026, 11, 19, 15, 0, tzinfo=UTC)
"""When DAY begins in Asia/Tokyo."""

KINDS: tuple[ChangeKind, ...] = ("job_change", "side_job")
TARGETS = {kind: f"user_{kind}_motivation_history_notification_target_users" for kind in KINDS}

TargetRows = dict[tuple[ChangeKind, int, int], datetime]


def hour(hours: float) -> datetime:
    """So many hours into DAY."""
    return MIDNIGHT + timedelta(hours=hours)


def line_id(job_seeker_id: int) -> str:
    """A LINE user id made from a job seeker's."""
    return f"U{job_seeker_id:032x}"


class MemoryMotivations:
    """The fake."""

    def __init__(self) -> None:
        self.tables = MotivationsInMemory()
        self.audience = self.notifications = self.targets = self.tables
        self.summaries = self.deliveries = self.days = self.tables

    def add_tenant(self, tenant_id: int, language: Language = "ja", rate_per_s: int | None = None) -> None:
        self.tables.tenants[tenant_id] = (language, rate_per_s)

    def add_user(self, user_id: int, name: str, *, is_opted_out: bool = False, is_deleted: bool = False) -> None:
        self.tables.users[user_id] = UserRow(name, is_opted_out, is_deleted)

    def add_entry(self, job_seeker_id: int, tenant_id: int, user_id: int, *, is_friend: bool = True) -> None:
        self.tables.entries[job_seeker_id] = EntryRow(tenant_id, user_id, line_id(job_seeker_id), is_friend)

    def connect(self, one: int, other: int) -> None:
        self.tables.connections |= {(one, other), (other, one)}

    def add_condition(self, kind: ChangeKind, motivation: Motivation, user_id: int) -> None:
        self.tables.conditions.add((kind, motivation, user_id))

    def add_history(
        self, kind: ChangeKind, history_id: int, user_id: int, motivation: Motivation, at: datetime
    ) -> None:
        self.tables.histories[kind, history_id] = HistoryRow(user_id, motivation, at)

    def recorded(self) -> TargetRows:
        return self.tables.targets

    def claims(self) -> dict[tuple[date, int], Claim]:
        return self.tables.deliveries

    def block(self, job_seeker_id: int) -> None:
        self.tables.entries[job_seeker_id].is_friend = False

    def delete(self, user_id: int) -> None:
        self.tables.users[user_id].is_deleted = True

    def opt_out(self, user_id: int) -> None:
        self.tables.users[user_id].is_opted_out = True


class MySqlMotivations:
    """The real thing, on a database that has the schema."""

    def __init__(self, database: Database) -> None:
        self.session = Session(database, sleep=lambda _: None, uniform=lambda: 0.5)
        self._look = connect(database)
        self._look.autocommit(True)
        self.audience = MySqlAudienceStore(self.session)
        self.targets = MySqlTargetStore(self.session)
        self.summaries = MySqlSummaryStore(self.session, database)
        self.deliveries = MySqlDeliveryStore(self.session)
        self.notifications = MySqlNotificationStore(self.session)
        self.days = MySqlDayReportStore(self.session)

    def add_tenant(self, tenant_id: int, language: Language = "ja", rate_per_s: int | None = None) -> None:
        self.run("INSERT INTO tenants (id, name, language) VALUES (%s, 'tenant', %s)", tenant_id, language)
        sql = "INSERT INTO line_channels (tenant_id, channel_id, rate_per_s) VALUES (%s, %s, %s)"
        self.run(sql, tenant_id, str(tenant_id), rate_per_s)

    def add_user(self, user_id: int, name: str, *, is_opted_out: bool = False, is_deleted: bool = False) -> None:
        now = utc(MIDNIGHT)
        sql = "INSERT INTO users (id, display_name, notifications_opted_out_at, deleted_at) VALUES (%s, %s, %s, %s)"
        self.run(sql, user_id, name, now if is_opted_out else None, now if is_deleted else None)

    def add_entry(self, job_seeker_id: int, tenant_id: int, user_id: int, *, is_friend: bool = True) -> None:
        sql = "INSERT INTO job_seekers (id, tenant_id, user_id, external_key) VALUES (%s, %s, %s, %s)"
        self.run(sql, job_seeker_id, tenant_id, user_id, str(job_seeker_id))
        sql = (
            "INSERT INTO line_accounts (tenant_id, job_seeker_id, line_user_id, friend_status) VALUES (%s, %s, %s, %s)"
        )
        status = "friend" if is_friend else "not_friend"
        self.run(sql, tenant_id, job_seeker_id, line_id(job_seeker_id), status)

    def connect(self, one: int, other: int) -> None:
        self.run("REPLACE INTO user_connections VALUES (%s, %s), (%s, %s)", one, other, other, one)

    def add_condition(self, kind: ChangeKind, motivation: Motivation, user_id: int) -> None:
        self.run("INSERT INTO scout_conditions VALUES (%s, %s, %s)", kind, motivation, user_id)

    def add_history(
        self, kind: ChangeKind, history_id: int, user_id: int, motivation: Motivation, at: datetime
    ) -> None:
        sql = f"INSERT INTO user_{kind}_motivation_histories VALUES (%s, %s, %s, %s)"  # noqa: S608 - one of two names
        self.run(sql, history_id, user_id, motivation, utc(at))

    def recorded(self) -> TargetRows:
        return {
            (kind, history_id, user_id): from_utc(created_at)
            for kind in KINDS
            for _, history_id, user_id, created_at in self.run(f"SELECT * FROM {TARGETS[kind]}")  # noqa: S608
        }

    def claims(self) -> dict[tuple[date, int], Claim]:
        sql = "SELECT day, user_id, tenant_id, state, first_attempt_at FROM summary_deliveries"
        return {
            (day, user_id): Claim(tenant_id, state, from_utc(first))
            for day, user_id, tenant_id, state, first in self.run(sql)
        }

    def block(self, job_seeker_id: int) -> None:
        self.run("UPDATE line_accounts SET friend_status = 'not_friend' WHERE job_seeker_id = %s", job_seeker_id)

    def delete(self, user_id: int) -> None:
        self.run("UPDATE users SET deleted_at = %s WHERE id = %s", utc(MIDNIGHT), user_id)

    def opt_out(self, user_id: int) -> None:
        self.run("UPDATE users SET notifications_opted_out_at = %s WHERE id = %s", utc(MIDNIGHT), user_id)

    def clear(self) -> None:
        """Empty every table."""
        kinds = [*TARGETS.values()] + [f"user_{kind}_motivation_histories" for kind in KINDS]
        others = (
            "motivation_audiences",
            "summary_days",
            "summary_deliveries",
            "scout_conditions",
            "user_connections",
            "users",
        )
        channels = ("line_accounts", "job_seekers", "line_channels", "tenants")
        for table in (*kinds, *others, *channels):
            self.run(f"DELETE FROM {table}")  # noqa: S608 - the names above

    def close(self) -> None:
        """Close both connections."""
        self.session.close()
        self._look.close()

    def run(self, sql: str, *args: object) -> tuple[tuple[Any, ...], ...]:
        """A statement beside the stores."""
        with self._look.cursor() as cursor:
            cursor.execute(sql, args)
            return tuple(cursor.fetchall())


Motivations = MemoryMotivations | MySqlMotivations


def record(
    stores: Motivations, kind: ChangeKind, history_id: int, user_ids: list[int], created_at: datetime
) -> Recorded | Refused:
    """Record the targets of one change."""
    (outcome,) = stores.targets.record([Targets(kind, history_id, user_ids, created_at)])
    return outcome


@dataclass
class People:
    """A shorthand for the usual start: tenants 1 (Japanese) and 2 (English), and people with entries there."""

    stores: Motivations

    def __post_init__(self) -> None:
        self.stores.add_tenant(1)
        self.stores.add_tenant(2, "en", 50)

    def person(self, user_id: int, *tenant_ids: int, connected_to: int | None = None, **options: bool) -> int:
        """Add a person who is a friend of these tenants' channels: job seeker tenant * 1,000 + user in each."""
        self.stores.add_user(user_id, f"person {user_id}", **options)
        for tenant_id in tenant_ids:
            self.stores.add_entry(tenant_id * 1_000 + user_id, tenant_id, user_id)
        if connected_to is not None:
            self.stores.connect(user_id, connected_to)
        return user_id
