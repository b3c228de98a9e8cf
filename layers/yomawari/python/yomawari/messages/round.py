"""The nightly round: chunks, sweeps, answers, holds and ends."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from yomawari.domain.runs import EndState
from yomawari.messages.base import (
    MAX_CHUNK_SEEKERS,
    JobSeekerId,
    Message,
    Moment,
    RunId,
    Seeker,
    SeekerIds,
    TenantId,
)


class Scheduled(Message):
    """What EventBridge Scheduler gives to a dispatcher: the time for which it was scheduled, not when it came."""

    scheduled_time: str


class SummaryStart(Scheduled):
    """What dispatch_summaries is given; `even_open` only on a local stack: also of a day that is still open."""

    even_open: bool = False


class RoundStart(Scheduled):
    """What dispatch_checks is given; with a tenant it is an operator's: a check outside the round.

    Of the tenant's job seekers, or of just these.
    """

    tenant_id: TenantId | None = None
    job_seeker_ids: Annotated[list[JobSeekerId], Field(max_length=10_000)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _job_seekers_are_a_tenants(self) -> Self:
        if self.job_seeker_ids and self.tenant_id is None:
            raise ValueError("job seekers without their tenant")
        return self


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

    began_at: Moment
    pages: Annotated[int, Field(ge=1)]
    next: Annotated[str, Field(min_length=1, max_length=4_096)]
    next_at: Moment
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
    observed_at: Moment
    friend: SeekerIds = Field(default_factory=list)
    not_friend: SeekerIds = Field(default_factory=list)
    invalid: SeekerIds = Field(default_factory=list)
    failed: SeekerIds = Field(default_factory=list)
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
