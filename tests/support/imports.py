"""The stores of imports under test, in memory and on MySQL behind one face, with a look into their tables."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from yomawari.adapters.mysql.connection import Database, Session, connect, from_utc, utc
from yomawari.adapters.mysql.import_reports import MySqlImportReportStore
from yomawari.adapters.mysql.imports import MySqlImportEndStore, MySqlImportStore
from yomawari.adapters.mysql.imports_memory import ImportsInMemory, SeekerEntry
from yomawari.adapters.mysql.memory import AccountRow
from yomawari.adapters.mysql.registrations import MySqlRegistrationStore
from yomawari.domain.imports import ImportKey, ImportReport, import_key
from yomawari.messages import RegistrationChunk, RegistrationRow

NOON = datetime(2026, 11, 20, 3, tzinfo=UTC)
ETAG = "9e107d9d372bb6826bd81d3542a419d6"

Link = tuple[str, int | None, AccountRow | None]
"""(external key, user id, LINE account)"""


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def line_id(number: int) -> str:
    """A LINE user id made from a number."""
    return f"U{number:032x}"


def key_of(import_id: str = "first", tenant_id: int = 1, ending: str = "ndjson") -> ImportKey:
    """The key of an import's file."""
    key = import_key(f"imports/{tenant_id}/{import_id}.{ending}")
    assert key is not None
    return key


def chunk_of(
    *rows: RegistrationRow, number: int = 0, import_id: str = "first", tenant_id: int = 1
) -> RegistrationChunk:
    """One chunk of an import."""
    return RegistrationChunk(import_id=import_id, tenant_id=tenant_id, chunk=number, rows=list(rows))


class MemoryImports:
    """The fake."""

    def __init__(self) -> None:
        self.tables = ImportsInMemory()
        self.imports = self.registrations = self.ends = self.reports = self.tables

    def add_tenant(self, tenant_id: int) -> None:
        self.tables.tenants.add(tenant_id)

    def add_seeker(
        self, tenant_id: int, seeker_id: int, key: str, user_id: int | None = None, row: AccountRow | None = None
    ) -> None:
        self.tables.seekers[tenant_id, key] = SeekerEntry(seeker_id, user_id)
        if row is not None:
            self.tables.accounts[tenant_id, seeker_id] = AccountRow(**asdict(row))

    def links(self, tenant_id: int = 1) -> dict[str, tuple[int | None, AccountRow | None]]:
        """User id and LINE account by external key."""
        return {
            key: (entry.user_id, self.tables.accounts.get((tenant_id, entry.seeker_id)))
            for (of_tenant, key), entry in self.tables.seekers.items()
            if of_tenant == tenant_id
        }

    def ids(self, tenant_id: int = 1) -> dict[str, int]:
        """Job seekers' ids by external key."""
        return {key: entry.seeker_id for (of, key), entry in self.tables.seekers.items() if of == tenant_id}


class MySqlImports:
    """The real thing, on a database that has the schema."""

    def __init__(self, database: Database) -> None:
        self.session = Session(database, sleep=lambda _: None, uniform=lambda: 0.5)
        self._look = connect(database)
        self._look.autocommit(True)
        self.imports = MySqlImportStore(self.session)
        self.registrations = MySqlRegistrationStore(self.session)
        self.ends = MySqlImportEndStore(self.session)
        self.reports = MySqlImportReportStore(self.session)

    def add_tenant(self, tenant_id: int) -> None:
        self.run("INSERT INTO tenants (id, name) VALUES (%s, %s)", (tenant_id, f"tenant {tenant_id}"))

    def add_seeker(
        self, tenant_id: int, seeker_id: int, key: str, user_id: int | None = None, row: AccountRow | None = None
    ) -> None:
        sql = "INSERT INTO job_seekers (id, tenant_id, user_id, external_key) VALUES (%s, %s, %s, %s)"
        self.run(sql, (seeker_id, tenant_id, user_id, key))
        if row is not None:
            values = asdict(row) | {
                "status_checked_at": row.status_checked_at and utc(row.status_checked_at),
                "linked_at": row.linked_at and utc(row.linked_at),
                "tenant_id": tenant_id,
                "job_seeker_id": seeker_id,
            }
            places = ", ".join(["%s"] * len(values))
            self.run(f"INSERT INTO line_accounts ({', '.join(values)}) VALUES ({places})", tuple(values.values()))  # noqa: S608 - the columns above

    def links(self, tenant_id: int = 1) -> dict[str, tuple[int | None, AccountRow | None]]:
        """User id and LINE account by external key."""
        found = self.run(
            """SELECT s.external_key, s.user_id, a.line_user_id, a.friend_status, a.last_outcome, a.settled_run_id,
                      a.status_checked_at, a.not_friend_nights, a.linked_at
               FROM job_seekers s LEFT JOIN line_accounts a ON a.job_seeker_id = s.id AND a.tenant_id = s.tenant_id
               WHERE s.tenant_id = %s""",
            (tenant_id,),
        )
        return {row[0]: (row[1], _account(*row[2:]) if row[2] is not None else None) for row in found}

    def ids(self, tenant_id: int = 1) -> dict[str, int]:
        """Job seekers' ids by external key."""
        return dict(self.run("SELECT external_key, id FROM job_seekers WHERE tenant_id = %s", (tenant_id,)))

    def clear(self) -> None:
        """Empty every table."""
        for table in ("line_accounts", "job_seekers", "imports", "tenants"):
            self.run(f"DELETE FROM {table}")  # noqa: S608 - the names above

    def close(self) -> None:
        """Close both connections."""
        self.session.close()
        self._look.close()

    def run(self, sql: str, args: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        """Run a statement on the side."""
        with self._look.cursor() as cursor:
            cursor.execute(sql, args)
            return tuple(cursor.fetchall())


def _account(*columns: Any) -> AccountRow:
    row = AccountRow(*columns)
    row.status_checked_at = row.status_checked_at and from_utc(row.status_checked_at)
    row.linked_at = row.linked_at and from_utc(row.linked_at)
    return row


Imports = MemoryImports | MySqlImports


def report_of(imports: Imports, import_id: str = "first") -> ImportReport:
    """The report of an import that is there."""
    report = imports.reports.report(import_id)
    assert report is not None
    return report
