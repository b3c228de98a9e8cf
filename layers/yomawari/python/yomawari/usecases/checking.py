"""How a chunk is checked, how its asking can stop, and what becomes of it."""

from dataclasses import dataclass, field

from yomawari.messages import Seeker


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """How a chunk is asked. Attempts are visits of a chunk to a worker; tries are calls within one visit.

    Attributes:
        rate_per_s: calls a second on a channel that sets no rate of its own.
        channels_at_once: how many channels a worker asks at a time (usecases/turns.py).
        chunks_per_channel: how many chunks of one channel a worker holds; more go back to the queue at once.
        patience_us: how long a worker waits for a channel before it gives the chunk back to the queue.
        window: calls in flight per chunk at most.
        attempts: visits before job seekers are given up as failed.
        attempt_base_s, attempt_cap_s: the delays between visits (domain/backoff.py).
        gate_retry_s: the delay of a chunk whose gate could not be asked.
    """

    rate_per_s: int = 1_860
    channels_at_once: int = 4
    chunks_per_channel: int = 3
    patience_us: int = 5_000_000
    window: int = 600
    attempts: int = 5
    attempt_base_s: int = 20
    attempt_cap_s: int = 300
    gate_retry_s: int = 30


@dataclass(frozen=True, slots=True)
class Deferred:
    """The job seekers not yet asked go back to the queue; not a failure, and no attempt."""

    delay_s: int
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """LINE refuses the channel, or it has no token: its job seekers fail, ready to be redriven once it is mended."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Where the job seekers without an answer go, and why."""

    failed: list[Seeker] = field(default_factory=list)
    again: list[Seeker] = field(default_factory=list)
    deferred: list[Seeker] = field(default_factory=list)
    delay_s: int = 0
    reason: str | None = None
    closed: str | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of a chunk's job seekers, and what it took."""

    friends: int
    not_friends: int
    invalid: int
    failed: int
    again: int
    deferred: int
    calls: int
    retries: int
    rate_limited: int
    permits_thrown_away: int
    reason: str | None
