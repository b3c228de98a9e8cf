"""What becomes of those of a send whom LINE did not answer for, and the figures of a send."""

from dataclasses import dataclass, fields, replace
from typing import Final

from yomawari.domain.backoff import Attempts
from yomawari.usecases.channel_access import QUOTA_REACHED, Deferred, Refused
from yomawari.usecases.parcels import Told


@dataclass(frozen=True, slots=True)
class FollowUp:
    """The users of a send who were neither accepted nor rejected, each in one list.

    Attributes:
        failed: given up, for the `reason`, into the dead-letter queue.
        again: to be sent again after `again_delay_s`, as the next attempt.
        deferred: to be sent after `deferred_delay_s`; no attempt was made for them.
    """

    failed: list[int]
    again: list[int]
    deferred: list[int]
    again_delay_s: int
    deferred_delay_s: int
    reason: str | None


def follow_up(told: Told, attempt: int, attempts: Attempts, random: float) -> FollowUp:
    """Give up where the channel is refused, or at the last attempt; else try again, or later."""
    if isinstance(told.stopped, Refused):
        return FollowUp([*told.unsent, *told.unanswered], [], [], 0, 0, told.stopped.reason)
    is_last = attempt >= attempts.most
    return FollowUp(
        failed=told.unanswered if is_last else [],
        again=[] if is_last else told.unanswered,
        deferred=told.unsent,
        again_delay_s=attempts.delay_s(attempt, random),
        deferred_delay_s=told.stopped.delay_s if isinstance(told.stopped, Deferred) else 0,
        reason=told.reason or (told.stopped.reason if told.stopped else None),
    )


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of the people of a message, and what it took. They add up over channels.

    Attributes:
        accepted, rejected: LINE took their message; LINE knows no such person.
        failed, again, deferred: see FollowUp.
        expired: begun a day ago and not sent any more, because they may have it (domain/deliveries.py).
        passed_over: had theirs before, or get it through another channel.
        calls, retries, repeated, rate_limited, permits_thrown_away: see Told.
        quota_reached: channels that have used up their month.
        reason: why some failed or come again.
    """

    accepted: int = 0
    rejected: int = 0
    failed: int = 0
    again: int = 0
    deferred: int = 0
    expired: int = 0
    passed_over: int = 0
    calls: int = 0
    retries: int = 0
    repeated: int = 0
    rate_limited: int = 0
    permits_thrown_away: int = 0
    quota_reached: int = 0
    reason: str | None = None

    def __add__(self, other: "Sent") -> "Sent":
        counts = {name: getattr(self, name) + getattr(other, name) for name in _COUNTS}
        return replace(self, **counts, reason=self.reason or other.reason)


_COUNTS: Final = tuple(field.name for field in fields(Sent) if field.name != "reason")


def sent(told: Told, following: FollowUp) -> Sent:
    """The figures of one send."""
    return Sent(
        accepted=len(told.accepted),
        rejected=len(told.rejected),
        failed=len(following.failed),
        again=len(following.again),
        deferred=len(following.deferred),
        calls=told.calls,
        retries=told.retries,
        repeated=told.repeated,
        rate_limited=told.rate_limited,
        permits_thrown_away=told.permits_thrown_away,
        quota_reached=int(told.stopped == Refused(QUOTA_REACHED)),
        reason=following.reason,
    )
