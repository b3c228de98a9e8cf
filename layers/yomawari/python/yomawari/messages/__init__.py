"""Every body that travels on a queue or the event bus, one model each, with a version.

Keys come from the body, never from the queue's message id: a redriven message gets a new id.
An unknown version, an unknown field or a wrong type is refused, and the message goes to its dead-letter queue at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final, Literal, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from yomawari.messages.base import (
    MAX_BODY_BYTES,
    MAX_CHUNK_SEEKERS,
    JobSeekerId,
    LineUserId,
    Message,
    RunId,
    Seeker,
    TenantId,
)
from yomawari.messages.imports import ImportCompleted, ImportId, RegistrationChunk, RegistrationRow
from yomawari.messages.motivations import (
    MAX_TARGETS,
    MotivationChanged,
    SummaryChange,
    SummaryChunk,
    SummaryRecipient,
    TargetsRecorded,
)
from yomawari.messages.round import (
    CheckResults,
    FollowerSweep,
    FriendCheckChunk,
    ReleaseHold,
    RoundStart,
    RunCompleted,
    Scheduled,
    SummaryStart,
    SweepProgress,
    TenantHeld,
)

__all__ = [
    "MAX_BODY_BYTES",
    "MAX_CHUNK_SEEKERS",
    "MAX_TARGETS",
    "Announcement",
    "CheckResults",
    "FollowerSweep",
    "FriendCheckChunk",
    "ImportCompleted",
    "ImportId",
    "JobSeekerId",
    "LineUserId",
    "Malformed",
    "Message",
    "MotivationChanged",
    "RegistrationChunk",
    "RegistrationRow",
    "ReleaseHold",
    "RoundStart",
    "RunCompleted",
    "RunId",
    "Scheduled",
    "Seeker",
    "StatusQuestion",
    "SummaryChange",
    "SummaryChunk",
    "SummaryRecipient",
    "SummaryStart",
    "SweepProgress",
    "TargetsRecorded",
    "TenantHeld",
    "TenantId",
    "Write",
    "read",
    "read_write",
]


class StatusQuestion(Message):
    """What report_status is asked: about one run or the latest, by an operator or (with a time) by its schedule.

    With a day it is asked about that day's notifications and their summary instead; or about an import: how far it is,
    or (with `errors_after`) the page of its errors that begins after a line.
    """

    run_id: RunId | Literal["latest"] = "latest"
    scheduled_time: str | None = None
    day: date | None = None
    import_id: ImportId | None = None
    errors_after: Annotated[int, Field(ge=0)] | None = None


Announcement = RunCompleted | TenantHeld | ImportCompleted
"""What the bus is told."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A body that can never be read. The reason names what is wrong and where, and repeats nothing of the body."""

    reason: str


Write = CheckResults | TargetsRecorded | ReleaseHold
"""What the writer is sent; `kind` tells which it is."""

M = TypeVar("M", bound=Message)
T = TypeVar("T")

_WRITES: Final[TypeAdapter[Write]] = TypeAdapter(Annotated[Write, Field(discriminator="kind")])


def read(model: type[M], body: str) -> M | Malformed:
    """Read a message's body; a value, not an exception, because a bad body is to be expected on a queue."""
    return _read(model.model_validate_json, body)


def read_write(body: str) -> Write | Malformed:
    """Read a body of the writer's queue, of whichever kind it says it is."""
    return _read(_WRITES.validate_json, body)


def _read(validate: Callable[[str], T], body: str) -> T | Malformed:
    size_bytes = len(body.encode(errors="surrogatepass"))
    if size_bytes > MAX_BODY_BYTES:
        return Malformed(f"{size_bytes} bytes, more than {MAX_BODY_BYTES}")
    try:
        return validate(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        if first["type"] == "union_tag_invalid":  # its message would repeat what the body says
            return Malformed("kind: not one that is known here")
        # The name of a field that we do not know is the sender's own text.
        known = first["loc"][:-1] if first["type"] == "extra_forbidden" else first["loc"]
        place = ".".join(str(part) for part in known)
        return Malformed(f"{place or 'body'}: {first['msg']}"[:200])
