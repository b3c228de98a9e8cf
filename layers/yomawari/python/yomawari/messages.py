"""Every body that travels on a queue or the event bus, one model each, with a version.

Keys come from the body, never from the queue's message id: a redriven message gets a new id.
An unknown version, an unknown field or a wrong type is refused, and the message goes to its dead-letter queue at once.
"""

from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

MAX_CHUNK_SEEKERS: Final = 1_000
MAX_BODY_BYTES: Final = 64 * 1024
"""SQS bills each 64 KB of a message as one request, so no body of ours is larger."""

RunId = Annotated[int, Field(ge=2000_01_01_00_00, le=9999_12_31_23_59)]
TenantId = Annotated[int, Field(gt=0)]
JobSeekerId = Annotated[int, Field(gt=0)]
Seeker = tuple[JobSeekerId, Annotated[str, Field(max_length=64)]]
SeekerIds = Annotated[list[JobSeekerId], Field(max_length=MAX_CHUNK_SEEKERS)]


class Message(BaseModel):
    """What all bodies share: strict about what it does not know, immutable once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Scheduled(Message):
    """What EventBridge Scheduler gives to dispatch_checks: the time for which it was scheduled, not when it came."""

    scheduled_time: str


class RunQuestion(Message):
    """What report_run is asked: about one run or the latest, by an operator or (with a time) by its schedule."""

    run_id: RunId | Literal["latest"] = "latest"
    scheduled_time: str | None = None


class FriendCheckChunk(Message):
    """Up to 1,000 job seekers of one tenant to ask LINE about, in one run.

    `attempt` counts how often LINE failed to answer for these job seekers; `reason` is set only on a chunk that was
    given up and lies in the dead-letter queue. A LINE id is not validated here: a bad one is settled as invalid.
    """

    version: Literal[1] = 1
    kind: Literal["friend_check_chunk"] = "friend_check_chunk"
    run_id: RunId
    tenant_id: TenantId
    chunk: Annotated[int, Field(ge=0)]
    attempt: Annotated[int, Field(ge=1)] = 1
    rate_per_s: Annotated[int, Field(ge=1, le=2_000)] | None = None
    seekers: Annotated[list[Seeker], Field(min_length=1, max_length=MAX_CHUNK_SEEKERS)]
    reason: str | None = None


class CheckResults(Message):
    """What LINE said about some job seekers of one tenant, by outcome; ids only, no LINE ids.

    `reason` says why the failed ones failed; `closed` is set when LINE refused the channel itself (401, 403, no token).
    """

    version: Literal[1] = 1
    kind: Literal["check_results"] = "check_results"
    run_id: RunId
    tenant_id: TenantId
    observed_at: AwareDatetime
    friend: SeekerIds = []
    not_friend: SeekerIds = []
    invalid: SeekerIds = []
    failed: SeekerIds = []
    reason: str | None = None
    closed: str | None = None


class RunCompleted(Message):
    """On the event bus, once a run has ended (and again when a redrive changes how it ended)."""

    version: Literal[1] = 1
    kind: Literal["run_completed"] = "run_completed"
    run_id: RunId
    state: Literal["completed", "completed_with_failures"]
    seekers: int
    friends: int
    not_friends: int
    invalid: int
    failed: int
    passed_over: int
    tenants: int
    tenants_skipped: int


@dataclass(frozen=True, slots=True)
class Malformed:
    """A body that can never be read. The reason names what is wrong and where, and repeats nothing of the body."""

    reason: str


M = TypeVar("M", bound=Message)


def read(model: type[M], body: str) -> M | Malformed:
    """Read a message's body; a value, not an exception, because a bad body is to be expected on a queue."""
    size_bytes = len(body.encode(errors="surrogatepass"))
    if size_bytes > MAX_BODY_BYTES:
        return Malformed(f"{size_bytes} bytes, more than {MAX_BODY_BYTES}")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        # The name of a field that we do not know is the sender's own text.
        known = first["loc"][:-1] if first["type"] == "extra_forbidden" else first["loc"]
        place = ".".join(str(part) for part in known)
        return Malformed(f"{place or 'body'}: {first['msg']}"[:200])
