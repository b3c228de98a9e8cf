"""What MySQL says of a run, and whether it is what it must be."""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from tools.line_double.truth import expected_status
from yomawari.adapters.mysql.connection import Database, connect
from yomawari.domain.runs import RunReport, TenantReport

Key = tuple[int, int]
"""(tenant id, job seeker id)"""

STATUS = {200: "friend", 404: "not_friend", 400: "invalid"}
_ROWS = "SELECT tenant_id, job_seeker_id, line_user_id, friend_status, last_outcome, settled_run_id FROM line_accounts"
_CHANGES = "SELECT tenant_id, job_seeker_id, from_status, to_status FROM line_friend_status_changes WHERE run_id = %s"


@dataclass(frozen=True)
class Account:
    """A row of line_accounts."""

    line_user_id: str
    status: str
    outcome: str | None
    run_id: int

    def has_failed(self, run_id: int) -> bool:
        return (self.run_id, self.outcome) == (run_id, "failed")


class Ledger:
    """A database's rows, read anew at each call."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def accounts(self) -> dict[Key, Account]:
        """Every row."""
        return {(tenant_id, seeker_id): Account(*rest) for tenant_id, seeker_id, *rest in self.run(_ROWS)}

    def changes(self, run_id: int) -> Counter[tuple[int, int, str, str]]:
        """The changes that a run noted, as (tenant, job seeker, from, to)."""
        return Counter(self.run(_CHANGES, (run_id,)))

    def run(self, sql: str, args: tuple[object, ...] = ()) -> list[Any]:
        """Run a statement, commit, and give back its rows."""
        with closing(connect(self._database)) as connection, connection.cursor() as cursor:
            cursor.execute(sql, args)
            connection.commit()
            return list(cursor.fetchall())

    def insert(self, sql: str, rows: list[tuple[object, ...]]) -> None:
        """Run an INSERT for many rows."""
        with closing(connect(self._database)) as connection, connection.cursor() as cursor:
            cursor.executemany(sql, rows)
            connection.commit()


def truth(overrides: Mapping[tuple[int, str], bool]) -> Callable[[int, str], str]:
    """What the double answers for a person, by its rule and by what was set."""

    def told(tenant_id: int, line_user_id: str) -> str:
        override = overrides.get((tenant_id, line_user_id))
        return STATUS[expected_status(str(tenant_id), line_user_id, override=override)]

    return told


@dataclass(frozen=True)
class Books:
    """A run as it was found: the rows before and after it, its record, its changes, and what lies dead-lettered."""

    before: Mapping[Key, Account]
    after: Mapping[Key, Account]
    report: RunReport
    changes: Counter[tuple[int, int, str, str]]
    dead: Counter[Key]

    def failed(self) -> set[Key]:
        """Whom the run gave up."""
        return {key for key, row in self.after.items() if row.has_failed(self.report.run_id)}

    def check(self, told: Callable[[int, str], str]) -> None:
        """Whether every row, every counter and every change is as it must be."""
        for tenant in self.report.tenants:
            self._check_rows(tenant, told)
            self._check_counters(tenant)
        moved = {
            (*key, self.before[key].status, row.status): 1
            for key, row in self.after.items()
            if self.before[key].status != row.status
        }
        assert self.changes == moved
        assert self.dead == dict.fromkeys(self.failed(), 1)

    def _check_rows(self, tenant: TenantReport, told: Callable[[int, str], str]) -> None:
        for (tenant_id, seeker_id), row in self.after.items():
            if tenant_id != tenant.tenant_id:
                continue
            before = self.before[tenant_id, seeker_id]
            # An id that was found invalid is never asked about again.
            if tenant.state == "skipped" or before.status == "invalid":
                assert row == before
            elif row.has_failed(self.report.run_id):
                assert row.status == before.status
            else:
                answer = told(tenant_id, row.line_user_id)
                assert (row.status, row.outcome, row.run_id) == (answer, answer, self.report.run_id)

    def _check_counters(self, tenant: TenantReport) -> None:
        outcomes = Counter(
            row.outcome
            for (tenant_id, _), row in self.after.items()
            if tenant_id == tenant.tenant_id and row.run_id == self.report.run_id
        )
        counted = (tenant.friends, tenant.not_friends, tenant.invalid, tenant.failed)
        assert counted == tuple(outcomes[name] for name in ("friend", "not_friend", "invalid", "failed"))
        assert tenant.settled + tenant.failed == (tenant.seekers or 0) == outcomes.total()
        assert tenant.passed_over == 0
