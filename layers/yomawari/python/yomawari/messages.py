"""Every body that travels on a queue or the event bus, one model each, with a version.

Keys come from the body, never from the queue's message id: a redriven message gets a new id.
An unknown version, an unknown field or a wrong type is refused, and the message goes to its dead-letter queue at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final, Literal, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from yomawari.domain.motivations import ChangeKind, Language, Motivation
from yomawari.domain.runs import EndState
from yomawari.domain.summaries import CHUNK_RECIPIENTS, MAX_CHANGES

MAX_CHUNK_SEEKERS: Final = 1_000
MAX_BODY_BYTES: Final = 64 * 1024
"""SQS bills each 64 KB of a message as one request, so no body of ours is larger."""

RunId = Annotated[int, Field(ge=2000_01_01_00_00, le=9999_12_31_23_99)]
TenantId = Annotated[int, Field(gt=0)]
JobSeekerId = Annotated[int, Field(gt=0)]
Seeker = tuple[JobSeekerId, Annotated[str, Field(max_length=64)]]
SeekerIds = Annotated[list[JobSeekerId], Field(max_length=MAX_CHUNK_SEEKERS)]

MAX_TARGETS: Final = 3_000
"""So many ids of 20 digits, the longest there are, fit into one body."""

_Id = Annotated[int, Field(gt=0, lt=2**64)]
LineUserId = Annotated[str, Field(max_length=64)]


class Message(BaseModel):
    """What all bodies share: strict about what it does not know, immutable once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Scheduled(Message):
    """What EventBridge Scheduler gives to dispatch_checks: the time for which it was scheduled, not when it came.

    With a tenant it is an operator's: a check outside the round, of the tenant's job seekers or of just these.
    """

    scheduled_time: str
    tenant_id: TenantId | None = None
    job_seeker_ids: Annotated[list[JobSeekerId], Field(max_length=10_000)] = []

    @model_validator(mode="after")
    def _job_seekers_are_a_tenants(self) -> Self:
        if self.job_seeker_ids and self.tenant_id is None:
            raise ValueError("job seekers without their tenant")
        return self


class StatusQuestion(Message):
    """What report_status is asked: about one run or the latest, by an operator or (with a time) by its schedule."""

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


class SweepProgress(Message):
    """How far a sweep had come: LINE's `next`, when LINE gave it, and where the ids of the pages before it are kept."""

    began_at: AwareDatetime
    pages: Annotated[int, Field(ge=1)]
    next: Annotated[str, Field(min_length=1, max_length=4_096)]
    next_at: AwareDatetime
    state_key: Annotated[str, Field(min_length=1, max_length=200)]


class FollowerSweep(Message):
    """One tenant's channel whose list of followers is to be read and compared with its job seekers, in one run.

    `probe` says that LINE is to be asked first whether this channel may have its list; `progress` is set on a sweep
    that goes on. `attempt` and `reason` are as in a chunk.
    """

    version: Literal[1] = 1
    kind: Literal["follower_sweep"] = "follower_sweep"
    run_id: RunId
    tenant_id: TenantId
    attempt: Annotated[int, Field(ge=1)] = 1
    rate_per_s: Annotated[int, Field(ge=1, le=2_000)] | None = None
    probe: bool = False
    progress: SweepProgress | None = None
    reason: str | None = None


class CheckResults(Message):
    """What LINE said about some job seekers of one tenant, by outcome; ids only, no LINE ids.

    `reason` says why the failed ones failed; `closed` is set when LINE refused the channel itself (401, 403, no token).
    `seekers` is how many of the tenant the run asks about, where the dispatcher's count was only a first one: a sweep
    reads them later. A message of nobody makes the writer look at its tenant once more.
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
    seekers: Annotated[int, Field(ge=0)] | None = None


class ReleaseHold(Message):
    """What an operator says of a tenant's held losses: write them after all, or drop them."""

    version: Literal[1] = 1
    kind: Literal["release_hold"] = "release_hold"
    run_id: RunId
    tenant_id: TenantId
    discard: bool = False


class MotivationChanged(Message):
    """On the event bus, by the application: somebody's motivation is another now. `kind` is which of the two."""

    version: Literal[1] = 1
    kind: ChangeKind
    history_id: _Id
    user_id: _Id
    occurred_at: AwareDatetime


class TargetsRecorded(Message):
    """Whom LINE accepted the message about one change for, at `told_at`; ids only, no LINE ids."""

    version: Literal[1] = 1
    kind: Literal["targets_recorded"] = "targets_recorded"
    change_kind: ChangeKind
    history_id: _Id
    user_ids: Annotated[list[_Id], Field(min_length=1, max_length=MAX_TARGETS)]
    told_at: AwareDatetime


class SummaryChange(Message):
    """One change as a summary tells it; `name` is the changer's."""

    kind: ChangeKind
    name: Annotated[str, Field(max_length=100)]
    motivation: Motivation


class SummaryRecipient(Message):
    """One person's summary: the changes that may be named, newest first, of `total`."""

    user_id: _Id
    line_user_id: LineUserId
    changes: Annotated[list[SummaryChange], Field(min_length=1, max_length=MAX_CHANGES)]
    total: Annotated[int, Field(gt=0)]


class SummaryChunk(Message):
    """Up to 500 people of one tenant's channel and what each was told about on `day` (a day of Asia/Tokyo).

    Sending is keyed by day, tenant and user, not by `chunk`: a second dispatch may cut the same people otherwise.
    `reason` is set only on a chunk that was given up and lies in the dead-letter queue.
    """

    version: Literal[1] = 1
    kind: Literal["summary_chunk"] = "summary_chunk"
    day: date
    tenant_id: TenantId
    language: Language
    rate_per_s: Annotated[int, Field(ge=1, le=2_000)] | None = None
    chunk: Annotated[int, Field(ge=0)]
    recipients: Annotated[list[SummaryRecipient], Field(min_length=1, max_length=CHUNK_RECIPIENTS)]
    reason: str | None = None


class TenantHeld(Message):
    """On the event bus, once a tenant's losses are held: so many of its friends were lost in this run, or more."""

    version: Literal[1] = 1
    kind: Literal["tenant_held"] = "tenant_held"
    run_id: RunId
    tenant_id: TenantId
    lost: int
    friends_before: int


class RunCompleted(Message):
    """On the event bus, once a run has ended (and again when a redrive or a release changes how it ended)."""

    version: Literal[1] = 1
    kind: Literal["run_completed"] = "run_completed"
    run_id: RunId
    state: EndState
    seekers: int
    friends: int
    not_friends: int
    invalid: int
    failed: int
    passed_over: int
    tenants: int
    tenants_skipped: int
    tenants_held: int = 0


Event = RunCompleted | TenantHeld
"""What the event bus is told."""


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
