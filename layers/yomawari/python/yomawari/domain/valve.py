"""The safety valve: whether it is believable that so many friends were lost in one night. Pure.

LINE's outages have looked like plain 4xx answers, and an empty follower list would look like one too. So a friend who
turns into a non-friend is not written before it is known how many of the tenant's friends did.
"""

from dataclasses import dataclass
from typing import Final, Literal

OVER_PERCENT: Final = 5
OVER_SEEKERS: Final = 50
"""The usual bounds of a channel that sets none of its own; schema.sql has the same."""

Valve = Literal["open", "held", "released", "discarded"]
"""A tenant's losses in a run: judged by the bounds; kept from MySQL; and what an operator has said of those kept."""

Verdict = Literal["wait", "hold", "write", "drop"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Losses are abnormal when they exceed both: a share of the friends there were, and a number."""

    over_percent: int = OVER_PERCENT
    over_seekers: int = OVER_SEEKERS


@dataclass(frozen=True, slots=True)
class Losses:
    """Friends a tenant has lost in a run, written or not, of how many it had when the run was dispatched."""

    lost: int
    friends_before: int


def is_abnormal(losses: Losses, bounds: Bounds) -> bool:
    """More than the number, and more than the share."""
    is_many = losses.lost > bounds.over_seekers
    is_large_share = losses.lost * 100 > losses.friends_before * bounds.over_percent
    return is_many and is_large_share


def judge(valve: Valve, losses: Losses, bounds: Bounds, *, is_complete: bool) -> Verdict:
    """What becomes of the losses that are not written yet.

    Losses only grow, so too many are held at once, and the others wait until everybody of the tenant is counted. What
    an operator has decided holds for what comes later too: a redrive, or an answer that was late.
    """
    match valve:
        case "held":
            return "wait"
        case "released":
            return "write"
        case "discarded":
            return "drop"
        case "open":
            if is_abnormal(losses, bounds):
                return "hold"
            return "write" if is_complete else "wait"


def decided(*, discard: bool) -> Valve:
    """How the valve stands once an operator has decided."""
    return "discarded" if discard else "released"


def told(valve: Valve, losses: Losses, reason: str | None) -> str | None:
    """The reason that a run's record shows for a tenant, which the valve goes before."""
    if valve == "open":
        return reason
    return f"{losses.lost:,} of {losses.friends_before:,} friends lost, {valve}"
