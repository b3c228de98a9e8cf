"""Bulk registration."""

from typing import Annotated, Literal

from pydantic import Field

from yomawari.domain.imports import ImportEndState
from yomawari.domain.registrations import CHUNK_ROWS
from yomawari.messages.base import Message, TenantId

ImportId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


RegistrationRow = tuple[
    Annotated[int, Field(gt=0)],
    Annotated[str, Field(min_length=1, max_length=64)],
    Annotated[str, Field(pattern=r"^U[0-9a-f]{32}$")] | None,
    Annotated[int, Field(gt=0, lt=2**63)] | None,
]
"""(line of the file, external key, LINE user id, user id); None means that the file says nothing."""


class RegistrationChunk(Message):
    """Up to 500 rows of an import, each well formed and different from all others of its file by key and LINE id."""

    version: Literal[1] = 1
    kind: Literal["registration_chunk"] = "registration_chunk"
    import_id: ImportId
    tenant_id: TenantId
    chunk: Annotated[int, Field(ge=0)]
    rows: Annotated[list[RegistrationRow], Field(min_length=1, max_length=CHUNK_ROWS)]


class ImportCompleted(Message):
    """On the event bus, once an import has ended; `reason` says why a file was rejected as a whole.

    `rows` of a file: those registered (new), those updated (known before), and those rejected with an error.
    """

    version: Literal[1] = 1
    kind: Literal["import_completed"] = "import_completed"
    import_id: ImportId
    tenant_id: TenantId
    state: ImportEndState
    reason: str | None = None
    rows: int
    registered: int
    updated: int
    rejected: int
