"""What an answer of LINE's push and multicast means, and how a send is split and keyed. Pure.

Decided by the HTTP status where that is enough. Two things only stand in the words, which LINE may change: which
recipient is bad (if unread, the send is bisected), and which of the two 429s it is (if unread, it is sent again later).
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID, uuid5

from yomawari.domain.outcomes import ChannelRefused, RateLimited, Unknown

MULTICAST_RECIPIENTS: Final = 500
FEW: Final = 5

_KEYS: Final = UUID("8f0d1f0c-6f57-5d0e-9c53-6a5f1c4f7a11")
_NAMED_RECIPIENT: Final = re.compile(r"\bto\[(\d{1,9})\]")
_NAMED_MESSAGE: Final = re.compile(r"^messages\b|\bmessages\[")
_MONTHLY: Final = "monthly limit"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Accepted:
    """LINE has taken the message; people who blocked the account are silently left out."""


@dataclass(frozen=True, slots=True)
class AlreadyAccepted:
    """LINE had taken it before, under this retry key: just as good."""


@dataclass(frozen=True, slots=True)
class BadRecipients:
    """Nobody was told, because of the recipients at these places of the list."""

    indexes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BadRequest:
    """Nobody was told, and LINE does not say because of whom."""

    reason: str


@dataclass(frozen=True, slots=True)
class BadMessage:
    """Nobody was told, because of the message itself: no other recipients would help."""

    reason: str


@dataclass(frozen=True, slots=True)
class QuotaReached:
    """The channel has used up its messages of this month."""


SendAnswer = (
    Accepted
    | AlreadyAccepted
    | BadRecipients
    | BadRequest
    | BadMessage
    | RateLimited
    | QuotaReached
    | ChannelRefused
    | Unknown
)

_BY_STATUS: Final[dict[int, SendAnswer]] = {
    200: Accepted(),
    409: AlreadyAccepted(),
    401: ChannelRefused("unauthorized"),
    403: ChannelRefused("forbidden"),
}


def send_answer(status: int, body: bytes) -> SendAnswer:
    """Read an answer of push or multicast; whatever is not LINE's own JSON says nothing of the message."""
    content = _object(body)
    message = content.get("message") if content is not None else None
    said = message if isinstance(message, str) else ""
    if status == 429:
        return QuotaReached() if _MONTHLY in said else RateLimited()
    if status == 413:
        return BadMessage("413 too large")
    if status != 400 and status not in _BY_STATUS:
        return Unknown(f"HTTP {status}")
    if content is None or (status != 200 and not said):
        return Unknown(f"{status} that is not LINE's")
    return _refusal(said, content.get("details")) if status == 400 else _BY_STATUS[status]


def _refusal(said: str, details: Any) -> BadRecipients | BadRequest | BadMessage:  # noqa: ANN401 - LINE's JSON
    """Only property names are kept as a reason, since LINE's words may repeat what was sent."""
    listed = details if isinstance(details, list) else []
    named = [one.get("property") for one in listed if isinstance(one, dict)]
    properties = [name for name in named if isinstance(name, str)]
    reason = " ".join(["400", *properties])
    if indexes := {int(index) for words in (said, *properties) for index in _NAMED_RECIPIENT.findall(words)}:
        return BadRecipients(tuple(sorted(indexes)))
    if any(_NAMED_MESSAGE.search(words) for words in (said, *properties)):
        return BadMessage(reason)
    return BadRequest(reason)


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(body)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def retry_key(*parts: str | int | Sequence[str]) -> UUID:
    """The X-Line-Retry-Key of what the parts say, the same wherever and whenever it is made (UUIDv5).

    The parts say what is sent (its kind, the ids of the histories, the day) and to whom. LINE lets a key pass once in
    24 hours, even with another body, so a repeat whose wording has changed since is not sent again either.
    """
    return uuid5(_KEYS, json.dumps(parts))


def is_wave(rejected: int, accepted: int) -> bool:
    """Whether LINE rejected more people of one send than is believable: five or more, and over a tenth.

    All were friends of the channel when it was last asked about them, and who has blocked it since is accepted. So
    LINE knows them: a few may have been given a wrong id since, but many are a mistake, LINE's or the channel's.
    """
    return rejected >= FEW and rejected * 10 > rejected + accepted


def split_recipients(ids: Sequence[T], most: int = MULTICAST_RECIPIENTS) -> Iterator[Sequence[T]]:
    """The ids in their order, in runs of at most so many."""
    for start in range(0, len(ids), most):
        yield ids[start : start + most]


def bisect(recipients: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    """Two halves, the first one the larger by one at most; of two or more recipients none is empty."""
    middle = -(-len(recipients) // 2)
    return recipients[:middle], recipients[middle:]
