"""What is handed to LINE in one request, how an endpoint is used, and what becomes of the users of one send."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from yomawari.domain.sends import SendAnswer, retry_key
from yomawari.usecases.channel_access import ChannelUse, Stopped

KeyParts = tuple[str | int, ...]
"""What is sent, and to whom where that is one user; see domain/sends.retry_key."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A LINE account, and the users whose it is."""

    line_user_id: str
    user_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Parcel:
    """One request to LINE: a text and those it is for.

    Attributes:
        is_keyed_by_recipients: whether the LINE user ids are part of the retry key. A multicast's are, since its parts
            are sent under keys of their own. A push's is not: between two repeats a user may be given another LINE id,
            and must not be told again through it.
    """

    recipients: tuple[Recipient, ...]
    text: str
    key_parts: KeyParts
    is_keyed_by_recipients: bool = True

    @property
    def line_user_ids(self) -> list[str]:
        """As LINE is told them."""
        return [one.line_user_id for one in self.recipients]

    @property
    def retry_key(self) -> UUID:
        """The same for the same parcel whenever it is made, so that LINE takes it once."""
        return retry_key(*self.key_parts, *([self.line_user_ids] if self.is_keyed_by_recipients else []))


Deliver = Callable[[str, Parcel], Awaitable[SendAnswer]]
"""Hands a parcel to LINE with a channel's token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendSettings(ChannelUse):
    """How a sending endpoint is used.

    Attributes:
        endpoint: its name in the gate's channel key.
        outage_after: so many calls in a row without an answer are an outage.
        outage_delay_s: the delay of what an outage keeps from being sent.
        tries: calls of one parcel that LINE does not answer, before it is given up for now.
        retry_base_us, retry_cap_us: the waits between them (domain/backoff.py).
    """

    endpoint: str
    outage_after: int
    outage_delay_s: int = 60
    tries: int = 4
    retry_base_us: int = 400_000
    retry_cap_us: int = 3_000_000


@dataclass(frozen=True, slots=True)
class Told:
    """What became of the users of one send, each in exactly one list.

    Attributes:
        accepted: LINE has their message, now or since an earlier send with the same keys.
        rejected: LINE does not know their id, though it knows others or was asked about few; or it is no LINE user id.
        unsent: LINE certainly has nothing for them from this send.
        unanswered: LINE may or may not have it: to be repeated with the same keys, within 24 hours.
        stopped: why there are unsent ones; None when nobody was kept back. Refused("quota_reached") is the month's end.
        reason: why there are unanswered ones.
        calls, retries, repeated, rate_limited: calls to LINE; those after an unanswered one; 409s; 429s of the rate.
        permits_thrown_away: permits that came too late.
    """

    accepted: list[int]
    rejected: list[int]
    unsent: list[int]
    unanswered: list[int]
    stopped: Stopped | None
    reason: str | None
    calls: int
    retries: int
    repeated: int
    rate_limited: int
    permits_thrown_away: int
