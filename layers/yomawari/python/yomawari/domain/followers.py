"""A channel's followers: what an answer of LINE's list means, and the set that a whole list becomes. Pure.

LINE documents neither the order of the list nor what a change during paging does to it: an id may stand on two pages,
and one that is added meanwhile on none. A page may be short or empty though more follow; only a missing `next` ends it.
"""

import json
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

from yomawari.domain.outcomes import ChannelRefused, RateLimited, Unknown, is_line_user_id

PAGE_IDS: Final = 1_000
"""The most that LINE allows."""

NEXT_LIVES_US: Final = 24 * 3600 * 1_000_000
ID_BYTES: Final = 16
_BEGINNINGS: Final = 1 << 16


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
    """LINE user ids, 16 bytes each, in one array; sorted by their first two bytes when somebody is looked for.

    Then an id can only be among the some 15 (of a million) that begin like it, and to look through them is a search in
    240 bytes, in C. 34 bytes an id at most; Python's own set takes 115, and an array for each beginning takes 230, for
    all the pieces of memory that it outgrows. Ids that stand twice are kept twice, which makes nobody more of a friend.
    """

    def __init__(self, packed: bytes = b"") -> None:
        self._packed = bytearray(packed)
        self._sorted: bytearray | None = None
        self._starts: array[int] = array("L")

    def add(self, line_user_ids: Iterable[str]) -> None:
        """Take in a page. What is no LINE user id is nobody who could be looked for."""
        digits = "".join(one[1:] for one in line_user_ids if is_line_user_id(one))
        self._packed += bytes.fromhex(digits)
        self._sorted = None

    def __contains__(self, line_user_id: str) -> bool:
        """Whether this id, which must have the form of one, was on a page."""
        ordered = self._sorted if self._sorted is not None else self._sort()
        raw = bytes.fromhex(line_user_id[1:])
        beginning = raw[0] << 8 | raw[1]
        end = self._starts[beginning + 1]
        at = ordered.find(raw, self._starts[beginning], end)
        while at > 0 and at % ID_BYTES:  # found across two ids
            at = ordered.find(raw, at + 1, end)
        return at >= 0

    def __len__(self) -> int:
        return len(self._packed) // ID_BYTES

    def packed(self) -> bytes:
        """All ids, ready for `FollowerSet(packed)`."""
        return bytes(self._packed)

    def _sort(self) -> bytearray:
        """Count the ids of each beginning, then put each at the next free place of its own: half a second a million."""
        packed = self._packed
        beginnings = array("H", (high << 8 | low for high, low in zip(packed[::16], packed[1::16], strict=True)))
        counts = [0] * _BEGINNINGS
        for beginning in beginnings:
            counts[beginning] += ID_BYTES
        self._starts = array("L", accumulate(counts, initial=0))
        free, ordered = self._starts[:], bytearray(len(packed))
        for number, beginning in enumerate(beginnings):
            at = free[beginning]
            ordered[at : at + ID_BYTES] = packed[number * ID_BYTES : (number + 1) * ID_BYTES]
            free[beginning] = at + ID_BYTES
        self._sorted = ordered
        return ordered
