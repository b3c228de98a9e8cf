"""The rows of the round in memory (memory.py), one class for each table."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from yomawari.domain.runs import LINKING, EndState, RunState, TenantState
from yomawari.domain.valve import Bounds, Losses, Valve

Status = Literal["unknown", "friend", "not_friend", "invalid"]
Answer = Literal["friend", "not_friend", "invalid"]


@dataclass
class AccountRow:
    """A row of line_accounts."""

    line_user_id: str
    friend_status: Status = "unknown"
    last_outcome: Literal["friend", "not_friend", "invalid", "failed"] | None = None
    settled_run_id: int = 0
    status_checked_at: datetime | None = None
    not_friend_nights: int = 0
    linked_at: datetime | None = None

    def is_unsettled(self, run_id: int) -> bool:
        """Whether the run has no answer for it yet."""
        return self.settled_run_id < run_id or self.has_failed(run_id)

    def takes(self, observed_at: datetime, run_began_at: datetime) -> bool:
        """Whether an answer of then is news of the LINE id that the row has."""
        is_older = self.status_checked_at is not None and self.status_checked_at > observed_at
        return not is_older and (self.linked_at is None or self.linked_at <= run_began_at - LINKING)

    def has_failed(self, run_id: int) -> bool:
        """Whether the run has given it up."""
        return self.settled_run_id == run_id and self.last_outcome == "failed"


@dataclass(frozen=True)
class Change:
    """A row of line_friend_status_changes."""

    tenant_id: int
    job_seeker_id: int
    run_id: int
    from_status: Status
    to_status: Status
    observed_at: datetime


@dataclass(frozen=True)
class Loss:
    """A row of run_losses."""

    outcome: Answer
    observed_at: datetime


@dataclass
class TenantRow:
    """A row of run_tenants, with its rows of run_losses by job seeker."""

    state: TenantState = "pending"
    reason: str | None = None
    seekers: int | None = None
    chunks: int | None = None
    friends: int = 0
    not_friends: int = 0
    invalid: int = 0
    failed: int = 0
    passed_over: int = 0
    friends_before: int = 0
    bounds: Bounds = field(default_factory=Bounds)
    valve: Valve = "open"
    lost: int = 0
    losses: dict[int, Loss] = field(default_factory=dict)
    hold_announced: bool = False

    def left(self) -> int | None:
        """How many have neither an answer nor failed; None until all chunks are sent, or the sweep has counted."""
        if self.seekers is None or self.chunks is None:
            return None
        return max(self.seekers - self.friends - self.not_friends - self.invalid - self.failed, 0)

    def is_complete(self) -> bool:
        """Whether everybody is counted."""
        left = self.left()
        return left is not None and left <= self.passed_over

    def is_unfinished(self) -> bool:
        """Whether its run has to wait for it: for answers, or for its losses to be judged."""
        return (self.state != "skipped" and not self.is_complete()) or (bool(self.losses) and self.valve != "held")

    def tally(self) -> Losses:
        """What the valve judges."""
        return Losses(self.lost, self.friends_before)

    def pass_over(self, newly: int) -> None:
        """Count them: as many as are left at most."""
        left, passed_over = self.left(), self.passed_over + newly
        self.passed_over = passed_over if left is None else min(passed_over, left)


@dataclass
class RunRow:
    """A row of runs, with its rows of run_tenants and run_passed_over."""

    started_at: datetime
    state: RunState = "dispatching"
    announced_state: EndState | None = None
    dispatched_at: datetime | None = None
    ended_at: datetime | None = None
    tenants: dict[int, TenantRow] = field(default_factory=dict)
    passed_over: set[int] = field(default_factory=set)
