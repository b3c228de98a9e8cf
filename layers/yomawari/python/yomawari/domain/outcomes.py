"""What an answer of LINE's profile endpoint means for a job seeker, as plain values.

Decided by the HTTP status, because LINE's messages "aren't guaranteed and are subject to change without notice"; but
only where the body is LINE's own JSON: its edge has answered 400 with an HTML page, which says nothing of the user.
"""

import json
import re
from dataclasses import dataclass
from typing import Final

LINE_USER_ID: Final = re.compile(r"U[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Friend:
    """The account can read this person's profile (LINE says so too of people who only wrote to it)."""


@dataclass(frozen=True, slots=True)
class NotFriend:
    """Blocked, never added, deleted, or without consent: LINE does not tell these apart."""


@dataclass(frozen=True, slots=True)
class InvalidId:
    """No LINE user id of this provider; never to be asked about again."""


@dataclass(frozen=True, slots=True)
class RateLimited:
    """The channel made too many calls; the job seeker is to be asked again later, and nothing is known."""


@dataclass(frozen=True, slots=True)
class ChannelRefused:
    """The channel itself may not ask (401, 403): nothing is known about any of its job seekers."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """LINE did not answer: 5xx, timeout, network error, or a body that is not LINE's."""

    reason: str


Answer = Friend | NotFriend | InvalidId | RateLimited | ChannelRefused | Unknown

_FRIEND: Final = Friend()
_BY_STATUS: Final[dict[int, Answer]] = {
    404: NotFriend(),
    400: InvalidId(),
    401: ChannelRefused("unauthorized"),
    403: ChannelRefused("forbidden"),
}


def is_line_user_id(text: str) -> bool:
    """Whether this has the form of a LINE user id; LINE forbids asking about ids that cannot exist."""
    return LINE_USER_ID.fullmatch(text) is not None


def profile_answer(status: int, body: bytes) -> Answer:
    """Read an answer of `GET /v2/bot/profile/{userId}`."""
    if status == 429:
        return RateLimited()
    if status == 200:
        return _FRIEND if _has(body, "userId") else Unknown("200 without a profile")
    known = _BY_STATUS.get(status)
    if known is None:
        return Unknown(f"HTTP {status}")
    return known if _has(body, "message") else Unknown(f"{status} that is not LINE's")


def _has(body: bytes, key: str) -> bool:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(parsed, dict) and isinstance(parsed.get(key), str)
