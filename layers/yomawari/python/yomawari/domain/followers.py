"""A channel's followers: what an answer of LINE's list means, and the set that a whole list becomes. Pure.

LINE documents neither the order of the list nor what a change during paging does to it: an id may stand on two pages,
and one that is added meanwhile on none. A page may be short or empty though more follow; only a missing `next` ends it.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from yomawari.domain.outcomes import ChannelRefused, RateLimited, Unknown, is_line_user_id

PAGE_IDS: Final = 1_000
"""The most that LINE allows."""

NEXT_LIVES_US: Final = 24 * 3600 * 1_000_000
ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class FollowerPage:
    """One page; `next` is None on the last."""

    line_user_ids: list[str]
    next: str | None


@dataclass(frozen=True, slots=True)
class InvalidStart:
    """LINE does not take this `next`, or not any more: the list begins anew."""


PageAnswer = FollowerPage | InvalidStart | RateLimited | ChannelRefused | Unknown

_REFUSALS: Final = {401: "unauthorized", 403: "forbidden"}


def page_answer(status: int, body: bytes, *, has_start: bool) -> PageAnswer:
    """Read an answer of `GET /v2/bot/followers/ids`.

    By the status, and only where the body is LINE's own JSON, as with profiles (domain/outcomes.py). A 400 can mean
    nothing but the `start`, where one was sent, for the limit is a constant.
    """
    if status == 429:
        return RateLimited()
    content = _json(body)
    if status == 200:
        return _page(content)
    if not isinstance(content.get("message"), str):
        return Unknown(f"{status} that is not LINE's")
    if status == 400 and has_start:
        return InvalidStart()
    return ChannelRefused(_REFUSALS[status]) if status in _REFUSALS else Unknown(f"HTTP {status}")


def _page(content: dict[str, Any]) -> FollowerPage | Unknown:
    ids, following = content.get("userIds"), content.get("next")
    is_list = isinstance(ids, list) and all(isinstance(one, str) for one in ids)
    if not is_list or not isinstance(following, str | None):
        return Unknown("200 without followers")
    return FollowerPage(content["userIds"], following or None)


def _json(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


class FollowerSet:
    """LINE user ids, 16 bytes each, in 65,536 buckets by their first two bytes.

    A bucket of a million ids holds 15, and looking for one in it is a search in 240 bytes, in C. Python's own set takes
    115 bytes an id; this one takes 40. Ids that stand twice are kept twice, which makes no difference to who is in it.
    """

    def __init__(self, packed: bytes = b"") -> None:
        self._buckets: defaultdict[bytes, bytearray] = defaultdict(bytearray)
        self._count = 0
        for at in range(0, len(packed), ID_BYTES):
            self._add(packed[at : at + ID_BYTES])

    def add(self, line_user_ids: Iterable[str]) -> None:
        """Take in a page. What is no LINE user id is nobody who could be looked for."""
        for line_user_id in line_user_ids:
            if is_line_user_id(line_user_id):
                self._add(bytes.fromhex(line_user_id[1:]))

    def __contains__(self, line_user_id: str) -> bool:
        """Whether this id, which must have the form of one, was on a page."""
        raw = bytes.fromhex(line_user_id[1:])
        bucket = self._buckets.get(raw[:2])
        if bucket is None:
            return False
        at = bucket.find(raw)
        while at > 0 and at % ID_BYTES:  # found across two ids
            at = bucket.find(raw, at + 1)
        return at >= 0

    def __len__(self) -> int:
        return self._count

    def packed(self) -> bytes:
        """All ids, ready for `FollowerSet(packed)`."""
        return b"".join(self._buckets.values())

    def _add(self, raw: bytes) -> None:
        self._buckets[raw[:2]] += raw
        self._count += 1
