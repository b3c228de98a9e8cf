"""An import: its identity, which is its file's place in the bucket, how it ends, and its report. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

FileFormat = Literal["ndjson", "csv"]
ImportEndState = Literal["completed", "completed_with_errors", "rejected"]
ImportState = Literal["splitting", "registering", "completed", "completed_with_errors", "rejected"]

FIRST_ERRORS: Final = 20
ERRORS_PER_PAGE: Final = 1_000

_KEY: Final = re.compile(r"imports/([1-9][0-9]{0,9})/([A-Za-z0-9_-]{1,64})\.(ndjson|csv)(\.gz)?")


@dataclass(frozen=True, slots=True)
class ImportKey:
    """Whose file this is, which import, and how it is written; `text` is the object's whole key."""

    text: str
    tenant_id: int
    import_id: str
    file_format: FileFormat
    is_gzip: bool


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a row is not registered: in plain words that repeat nothing of its cells.

    `line` is where the row begins, counted from 1; `column` is None when the whole row is meant.
    """

    line: int
    column: str | None
    reason: str


class ErrorReport(BaseModel):
    """A row error as it is told."""

    model_config = ConfigDict(frozen=True)

    line: int
    column: str | None
    reason: str


class ImportReport(BaseModel):
    """How far an import is, and its first errors.

    Attributes:
        rows: rows of the file, good and bad; None until all have been read.
        registered: job seekers that were new.
        updated: job seekers that were known before.
        rejected: rows with an error; until all have been read, only those that registering found.
        reason: why the file was rejected as a whole.
    """

    model_config = ConfigDict(frozen=True)

    import_id: str
    tenant_id: int
    object_key: str
    state: ImportState
    reason: str | None
    created_at: datetime
    ended_at: datetime | None
    rows: int | None
    registered: int
    updated: int
    rejected: int
    errors: list[ErrorReport]


class ImportErrors(BaseModel):
    """One page of an import's errors, by line; the next page begins after the last line of this one."""

    model_config = ConfigDict(frozen=True)

    import_id: str
    errors: list[ErrorReport]


def import_key(key: str) -> ImportKey | None:
    """Read `imports/<tenant_id>/<import_id>.{ndjson,csv}[.gz]`; None when the key is anything else.

    Nothing is decoded: EventBridge gives keys as they are, and none that fits has a character that would be escaped.
    """
    found = _KEY.fullmatch(key)
    if found is None:
        return None
    tenant_id, import_id, file_format, gz = found.groups()
    return ImportKey(key, int(tenant_id), import_id, "csv" if file_format == "csv" else "ndjson", gz is not None)
