"""What the use cases about imports ask of the outside, as protocols (ports.py has the nightly round's)."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol

from yomawari.domain.imports import ImportEndState, ImportErrors, ImportKey, ImportReport, RowError
from yomawari.domain.rows import SeekerRow
from yomawari.messages import ImportCompleted, RegistrationChunk
from yomawari.usecases.ports import Refused


@dataclass(frozen=True, slots=True)
class Registered:
    """What one chunk did, in rows; all zero when it had been registered before."""

    registered: int = 0
    updated: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Where an import's file is; `etag` pins its content, `version_id` its version in a bucket that keeps them."""

    bucket: str
    key: str
    etag: str
    version_id: str | None


@dataclass(frozen=True, slots=True)
class FileGone:
    """The file is not there any more, or not with that content."""


class Files(Protocol):
    """The bucket."""

    def open(self, file: StoredFile) -> BinaryIO | FileGone:
        """The file's bytes from the start, to be read as a stream and closed; reading raises Unavailable."""
        ...


class Claims(Protocol):
    """Which keys and LINE ids stood earlier in a file, whatever its size."""

    def take(self, rows: Sequence[SeekerRow]) -> tuple[list[SeekerRow], list[RowError]]:
        """Of the file's next rows those that differ from all before by key and by LINE id, and why the others do not.

        The first row with a key has it. The first of those rows with a LINE id has that.
        """
        ...


OpenClaims = Callable[[], AbstractContextManager[Claims]]
"""Makes the claims of one file, gone with the block."""


class ImportStore(Protocol):
    """An import's record while its file is cut. Every call is a transaction of its own."""

    def begin(self, key: ImportKey, etag: str, now: datetime) -> bool | Refused:
        """Write the import down if it is not; False when its file was cut or rejected before."""
        ...

    def note_errors(self, import_id: str, errors: Sequence[RowError]) -> None:
        """Write row errors down; those that are there stay as they are."""
        ...

    def all_sent(self, import_id: str, rows: int, chunks: int, rejected: int) -> None:
        """The file is cut: so many rows, of which so many are rejected, and all chunks are on the queue."""
        ...

    def reject(self, import_id: str, reason: str, now: datetime) -> None:
        """End the import, for its file cannot be read."""
        ...


class RegistrationStore(Protocol):
    """Where the rows go."""

    def register(self, chunk: RegistrationChunk, now: datetime) -> Registered | Refused:
        """Register one chunk in one transaction; again, or in another order, it changes nothing."""
        ...


class ImportEndStore(Protocol):
    """How an import ends."""

    def end(self, import_id: str, now: datetime) -> ImportCompleted | None:
        """End the import if nothing is missing; the event when the bus has not been told of its end yet."""
        ...

    def announced(self, import_id: str, state: ImportEndState) -> None:
        """The bus has been told."""
        ...


class ImportReportStore(Protocol):
    """Reads imports."""

    def report(self, import_id: str) -> ImportReport | None:
        """One import with its first errors; None when there is no such import."""
        ...

    def errors(self, import_id: str, after_line: int) -> ImportErrors:
        """The next page of its errors, by line."""
        ...
