"""Whether a summary may be sent, asked of the record before LINE. Pure.

The protocol, for a chunk's recipients at a time: *claim* them in one transaction (`first_attempt_at` is set by the
first claim and never moves), decide by what the claim found, send with the retry key that is made of day, tenant and
user, *mark* those LINE accepted or rejected. Why nobody gets two, whatever dies where:

- before the claim is committed: nothing was sent; the next delivery begins anew.
- after the claim, before the request: the next delivery finds the claim and sends, with the same key, the first time.
- after the request, before the mark: the same key again, and LINE answers 409: it was accepted. LINE knows a key for
  24 h after the first request, which came after the claim; so while the claim is young, the key is alive.
- after the mark: the record says sent, and nobody asks LINE again.
- two workers with one chunk at once: both send with one key, LINE takes it once, both mark the same row.
- a second dispatch that would reach a person through another channel (they blocked the first one meanwhile), whose
  key would be another: the claim belongs to the first channel, and its message is the one that answers for it.
- a redrive when the claim is too old: it does not say whether LINE accepted, and the key no longer protects. It is not
  sent, but reported. Weakness: the claim is older than the first request, and there may have been none: where the
  worker died before it, or the channel was refused all day, that person gets no summary for the day.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

KEY_LIFE: Final = timedelta(hours=24)
"""LINE, "Retrying an API request": a retry key is valid for 24 hours after the first request."""

SAFETY: Final = timedelta(minutes=30)
"""More than a function's longest life plus any clock's error: a request decided now leaves before the key expires."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A row of the record. `tenant_id` is the channel that owns the delivery."""

    tenant_id: int
    state: Literal["claimed", "sent", "rejected"]
    first_attempt_at: datetime


Decision = Literal["send", "settled", "elsewhere", "expired"]


def decide(claim: Claim, tenant_id: int, now: datetime) -> Decision:
    """What to do with a recipient of this channel's chunk, given what the record holds after the claim.

    send: ask LINE, with the delivery's one retry key. settled: nothing is left to do. elsewhere: another channel's
    message answers for this person. expired: claimed a day ago; it may have been sent, and is no longer to be tried.
    """
    if claim.state != "claimed":
        return "settled"
    if claim.tenant_id != tenant_id:
        return "elsewhere"
    return "send" if is_key_alive(claim.first_attempt_at, now) else "expired"


def is_key_alive(first_attempt_at: datetime, now: datetime) -> bool:
    """Whether LINE knows, and will for a while, a retry key that was first used at `first_attempt_at` or later."""
    return now - first_attempt_at < KEY_LIFE - SAFETY
