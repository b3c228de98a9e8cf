"""How a chunk is checked, and what becomes of it."""

from dataclasses import dataclass, field

from yomawari.domain.backoff import Attempts
from yomawari.messages import Seeker
from yomawari.usecases.channel_access import ChannelUse


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSettings(ChannelUse):
    """How a chunk is asked. Attempts are visits of a chunk to a worker; tries are calls within one visit."""

    rate_per_s: int = 1_860
    window: int = 600
    channels_at_once: int = 4
    chunks_per_channel: int = 3
    attempts: Attempts = field(default_factory=Attempts)


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
