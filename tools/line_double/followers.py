"""The follower list of one channel: whom it may name, in what order, and how its pages are cut and misbehave."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final
from zlib import crc32

from pydantic import BaseModel, ConfigDict, Field

NEXT_LIVES_US: Final = 24 * 3600 * 1_000_000
ID_BYTES: Final = 16
MOST_PER_PAGE: Final = 1_000
USUAL_PER_PAGE: Final = 300

_SCANNED_PER_FRIEND: Final = 50
"""A page looks at so many ids for each it may hold, so that a channel that has lost all its friends answers at once."""


class FollowerRules(BaseModel):
    """How the list behaves where LINE's documents leave it open, and what goes wrong with it.

    Attributes:
        fill: the share of its limit that a page holds at most: users are filtered after the page was cut.
        empty_every: every so many-th page is empty, with a `next`; 0 means none is.
        repeated: the next page begins so many known ids before the end of this one, and names their friends again.
        pages_until_forbidden: after so many pages the account is not verified any more; None means it stays.
        hides_everyone: 200 with nobody in it and no `next`, as an outage may look.
        clock_offset_s: by how much the age of a `next` is pushed on, so that a test need not wait for 24 hours.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fill: Annotated[float, Field(gt=0, le=1)] = 1.0
    empty_every: Annotated[int, Field(ge=0)] = 0
    repeated: Annotated[int, Field(ge=0)] = 0
    pages_until_forbidden: Annotated[int, Field(ge=0)] | None = None
    hides_everyone: bool = False
    clock_offset_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Page:
    """One page: LINE user ids, and the `next` of the following one, None on the last."""

    line_user_ids: list[str]
    next: str | None


class Followers:
    """What `followers/ids` of one channel answers from.

    The truth is a rule over ids, so the list must be told which ids there are: `known`, 16 bytes each, in the order
    of the list. Of these it names the friends. `strangers` more are named that nobody was told of.
    """

    __slots__ = ("_is_friend", "_pages", "is_verified", "known", "rules", "strangers", "tenant_id")

    def __init__(self, tenant_id: str, is_friend: Callable[[str], bool]) -> None:
        self.tenant_id = tenant_id
        self.is_verified = False
        self.known = bytearray()
        self.strangers = 0
        self._is_friend = is_friend
        self.replace(FollowerRules())

    def replace(self, rules: FollowerRules) -> None:
        """Put other rules in place, and count pages anew."""
        self.rules = rules
        self._pages = 0

    def is_forbidden(self) -> bool:
        """Whether the account may not ask for the list, or not any more."""
        until = self.rules.pages_until_forbidden
        return not self.is_verified or (until is not None and self._pages >= until)

    def page(self, limit: int, start: str | None, now_us: int) -> Page | None:
        """The page that begins at a `next` of this channel; None when it is none of them, or older than 24 hours."""
        aged_us = now_us + int(self.rules.clock_offset_s * 1_000_000)
        place = 0 if start is None else self._place(start, aged_us)
        if place is None:
            return None
        self._pages += 1
        if self.rules.hides_everyone:
            return Page([], None)
        if self.rules.empty_every and self._pages % self.rules.empty_every == 0:
            return Page([], self._next(place, aged_us))
        ids, end = self._cut(place, max(1, int(limit * self.rules.fill)))
        if end >= self._end():
            return Page(ids, None)
        return Page(ids, self._next(max(place + 1, end - self.rules.repeated), aged_us))

    def _cut(self, place: int, most: int) -> tuple[list[str], int]:
        """The next friends, and the place after the last id looked at; past the known ids come the strangers."""
        ids: list[str] = []
        stop = min(self._end(), place + most * _SCANNED_PER_FRIEND)
        while place < stop and len(ids) < most:
            line_user_id = self._at(place)
            if place * ID_BYTES >= len(self.known) or self._is_friend(line_user_id):
                ids.append(line_user_id)
            place += 1
        return ids, place

    def _at(self, place: int) -> str:
        at = place * ID_BYTES
        if at < len(self.known):
            return f"U{self.known[at : at + ID_BYTES].hex()}"
        return f"U{'ee' * 8}{place:016x}"

    def _end(self) -> int:
        return len(self.known) // ID_BYTES + self.strangers

    def _next(self, place: int, aged_us: int) -> str:
        text = f"{place}.{aged_us}"
        return urlsafe_b64encode(f"{text}.{self._seal(text)}".encode()).decode().rstrip("=")

    def _place(self, start: str, aged_us: int) -> int | None:
        try:
            text, _, seal = urlsafe_b64decode(start + "=" * (-len(start) % 4)).decode().rpartition(".")
        except ValueError:
            return None
        if seal != self._seal(text):
            return None
        place, given_us = map(int, text.split("."))
        return place if aged_us - given_us < NEXT_LIVES_US else None

    def _seal(self, text: str) -> str:
        return f"{crc32(f'{self.tenant_id}:{text}'.encode()):08x}"
