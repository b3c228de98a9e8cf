"""The fake beside the MySQL stores of imports: everything in memory, and the same contract tests."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from yomawari.adapters.mysql.memory import AccountRow
from yomawari.domain.imports import (
    ERRORS_PER_PAGE,
    FIRST_ERRORS,
    ErrorReport,
    ImportEndState,
    ImportErrors,
    ImportKey,
    ImportReport,
    ImportState,
    RowError,
)
from yomawari.domain.rows import SeekerRow
from yomawari.messages import ImportCompleted, RegistrationChunk
from yomawari.usecases.import_ports import Registered
from yomawari.usecases.ports import Refused


@dataclass
class SeekerEntry:
    """A row of job_seekers."""

    seeker_id: int
    user_id: int | None = None


@dataclass
class ImportRow:
    """A row of imports, with its rows of import_chunks, import_errors and import_releases."""

    key: ImportKey
    etag: str
    created_at: datetime
    state: ImportState = "splitting"
    announced_state: ImportEndState | None = None
    reason: str | None = None
    rows: int | None = None
    chunks: int | None = None
    registered: int = 0
    updated: int = 0
    rejected: int = 0
    ended_at: datetime | None = None
    done: set[int] = field(default_factory=set)
    errors: dict[int, RowError] = field(default_factory=dict)
    releases: dict[str, int] = field(default_factory=dict)


@dataclass
class ImportsInMemory:
    """Every store about imports; the tables are open to look into.

    `seekers` is keyed by (tenant, external key), `accounts` by (tenant, job seeker).
    """

    tenants: set[int] = field(default_factory=set)
    seekers: dict[tuple[int, str], SeekerEntry] = field(default_factory=dict)
    accounts: dict[tuple[int, int], AccountRow] = field(default_factory=dict)
    imports: dict[str, ImportRow] = field(default_factory=dict)

    def begin(self, key: ImportKey, etag: str, now: datetime) -> bool | Refused:
        """Write the import down if it is not; False when its file was cut or rejected before."""
        if key.import_id not in self.imports and key.tenant_id not in self.tenants:
            return Refused(f"there is no tenant {key.tenant_id}")
        row = self.imports.setdefault(key.import_id, ImportRow(key, etag, now))
        if (row.key, row.etag) != (key, etag):
            return Refused(f"import {key.import_id} is another file's")
        return row.state == "splitting"

    def note_errors(self, import_id: str, errors: Sequence[RowError]) -> None:
        """Write row errors down; those that are there stay as they are."""
        for error in errors:
            self.imports[import_id].errors.setdefault(error.line, error)

    def all_sent(self, import_id: str, rows: int, chunks: int, rejected: int) -> None:
        """The file is cut: so many rows, of which so many are rejected, and all chunks are on the queue."""
        row = self.imports[import_id]
        if row.state == "splitting":
            row.state, row.rows, row.chunks = "registering", rows, chunks
            row.rejected += rejected

    def reject(self, import_id: str, reason: str, now: datetime) -> None:
        """End the import, for its file cannot be read."""
        row = self.imports[import_id]
        if row.state == "splitting":
            row.state, row.reason, row.ended_at = "rejected", reason[:500], now

    def register(self, chunk: RegistrationChunk, now: datetime) -> Registered | Refused:
        """Register one chunk; again, or in another order, it changes nothing."""
        of = self.imports.get(chunk.import_id)
        if of is None or of.key.tenant_id != chunk.tenant_id:
            return Refused(f"there is no import {chunk.import_id} of tenant {chunk.tenant_id}")
        if chunk.chunk in of.done:
            return Registered()
        of.done.add(chunk.chunk)
        counts = [self._register(of, SeekerRow(*row), now) for row in sorted(chunk.rows, key=lambda row: row[1])]
        done = Registered(counts.count("registered"), counts.count("updated"), counts.count("rejected"))
        of.registered += done.registered
        of.updated += done.updated
        of.rejected += done.rejected
        return done

    def end(self, import_id: str, now: datetime) -> ImportCompleted | None:
        """End the import if nothing is missing; the event when the bus has not been told of its end yet."""
        row = self.imports.get(import_id)
        if row is None:
            return None
        if row.state == "registering" and len(row.done) == row.chunks:
            row.state, row.ended_at = "completed_with_errors" if row.rejected else "completed", now
        if row.announced_state is not None or row.state in {"splitting", "registering"}:
            return None
        return ImportCompleted.model_validate(
            {
                "import_id": import_id,
                "tenant_id": row.key.tenant_id,
                "state": row.state,
                "reason": row.reason,
                "rows": row.rows or 0,
                "registered": row.registered,
                "updated": row.updated,
                "rejected": row.rejected,
            }
        )

    def announced(self, import_id: str, state: ImportEndState) -> None:
        """The bus has been told."""
        self.imports[import_id].announced_state = state

    def report(self, import_id: str) -> ImportReport | None:
        """One import with its first errors; None when there is no such import."""
        row = self.imports.get(import_id)
        if row is None:
            return None
        return ImportReport(
            import_id=import_id,
            tenant_id=row.key.tenant_id,
            object_key=row.key.text,
            state=row.state,
            reason=row.reason,
            created_at=row.created_at,
            ended_at=row.ended_at,
            rows=row.rows,
            registered=row.registered,
            updated=row.updated,
            rejected=row.rejected,
            errors=self._errors(import_id, 0, FIRST_ERRORS),
        )

    def errors(self, import_id: str, after_line: int) -> ImportErrors:
        """The next page of its errors, by line."""
        return ImportErrors(import_id=import_id, errors=self._errors(import_id, after_line, ERRORS_PER_PAGE))

    def _errors(self, import_id: str, after_line: int, most: int) -> list[ErrorReport]:
        row = self.imports.get(import_id)
        found = sorted(row.errors.items()) if row else []
        after = (error for line, error in found if line > after_line)
        return [ErrorReport(line=one.line, column=one.column, reason=one.reason) for one in islice(after, most)]

    def _register(self, of: ImportRow, row: SeekerRow, now: datetime) -> str:
        tenant_id = of.key.tenant_id
        known = self.seekers.get((tenant_id, row.external_key))
        if row.line_user_id and self._owners(of, row.line_user_id) - ({known.seeker_id} if known else set()):
            of.errors.setdefault(row.line, RowError(row.line, "line_user_id", "belongs to another job seeker"))
            return "rejected"
        entry = known or SeekerEntry(max((one.seeker_id for one in self.seekers.values()), default=0) + 1)
        self.seekers[tenant_id, row.external_key] = entry
        entry.user_id = row.user_id or entry.user_id
        if row.line_user_id:
            self._link(of, entry.seeker_id, row.line_user_id, now)
        return "updated" if known else "registered"

    def _owners(self, of: ImportRow, line_user_id: str) -> set[int]:
        owners = {
            seeker_id
            for (tenant_id, seeker_id), account in self.accounts.items()
            if (tenant_id, account.line_user_id) == (of.key.tenant_id, line_user_id)
        }
        return owners | ({of.releases[line_user_id]} if line_user_id in of.releases else set())

    def _link(self, of: ImportRow, seeker_id: int, line_user_id: str, now: datetime) -> None:
        place = of.key.tenant_id, seeker_id
        account = self.accounts.get(place)
        if account is None:
            self.accounts[place] = AccountRow(line_user_id)
        elif account.line_user_id != line_user_id:
            of.releases.setdefault(account.line_user_id, seeker_id)
            account.line_user_id, account.friend_status = line_user_id, "unknown"
            account.not_friend_nights, account.status_checked_at, account.linked_at = 0, now, now
