"""What all bodies share, and the ids in them."""

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

MAX_CHUNK_SEEKERS: Final = 1_000
MAX_BODY_BYTES: Final = 64 * 1024
"""SQS bills each 64 KB of a message as one request, so no body of ours is larger."""

RunId = Annotated[int, Field(ge=2000_01_01_00_00, le=9999_12_31_23_99)]
TenantId = Annotated[int, Field(gt=0)]
JobSeekerId = Annotated[int, Field(gt=0)]
Seeker = tuple[JobSeekerId, Annotated[str, Field(max_length=64)]]
SeekerIds = Annotated[list[JobSeekerId], Field(max_length=MAX_CHUNK_SEEKERS)]


AnyId = Annotated[int, Field(gt=0, lt=2**64)]
LineUserId = Annotated[str, Field(max_length=64)]
Moment = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2100, 1, 1, tzinfo=UTC))]
"""Of this century: the day after the last one that Python knows cannot be worked out, and its error would be a whole
batch's."""


class Message(BaseModel):
    """What all bodies share: strict about what it does not know, immutable once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)
