"""The state of one chunk while LINE is asked about it: who is still to be asked, who waits, who has answered.

A call costs no task: it is started with a function that hears its answer, so that the price of a call is close to
what the HTTP engine itself takes.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from yomawari.domain.backoff import full_jitter_us
from yomawari.domain.outcomes import (
    Answer,
    ChannelRefused,
    Friend,
    InvalidId,
    NotFriend,
    RateLimited,
    Unknown,
    is_line_user_id,
)
from yomawari.messages import Seeker
from yomawari.usecases.ports import Clock, Profiles

TRIES: Final = 3
RETRY_BASE_US: Final = 400_000
RETRY_CAP_US: Final = 3_000_000
OUTAGE_AFTER: Final = 60
"""So many calls in a row without an answer are an outage: LINE is not asked on, and the rest waits for later."""


class Asking:
    """One chunk's job seekers, each in one place: pending, waiting for a retry, in flight, or answered.

    Ids that cannot be LINE ids are settled as invalid at once and never asked.
    """

    stopped: Final = None
    """No answer makes all others pointless; an outage ends the asking, and is what is unknown about those left."""

    def __init__(
        self,
        seekers: Iterable[Seeker],
        profiles: Profiles,
        *,
        window: int,
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        self.pending: deque[Seeker] = deque()
        self.friend: list[int] = []
        self.not_friend: list[int] = []
        self.invalid: list[int] = []
        self.unknown: list[Seeker] = []
        self.unknown_reason = ""
        self.refused: str | None = None
        self.is_limited = False
        self.calls = 0
        self.retries = 0
        self.rate_limited = 0
        self._profiles = profiles
        self._window = window
        self._clock = clock
        self._random = random
        self._waiting: list[tuple[int, Seeker]] = []
        self._tries: dict[int, int] = {}
        self._in_flight = 0
        self._unanswered_in_a_row = 0
        self._changed = asyncio.Event()
        for seeker in seekers:
            if is_line_user_id(seeker[1]):
                self.pending.append(seeker)
            else:
                self.invalid.append(seeker[0])

    def is_unfinished(self) -> bool:
        """Whether anyone is still to be asked or to be heard, and LINE has not stopped answering."""
        is_outage = self._unanswered_in_a_row >= OUTAGE_AFTER
        return not is_outage and bool(self.pending or self._waiting or self._in_flight)

    def room(self) -> int:
        """How many calls could be started now."""
        return min(len(self.pending), self._window - self._in_flight)

    def left(self) -> list[Seeker]:
        """Those who were not asked, or were told to ask again later."""
        return [*self.pending, *(seeker for _due_us, seeker in self._waiting)]

    def wake(self) -> None:
        """Put those whose retry is due back in line."""
        now_us = self._clock()
        while self._waiting and self._waiting[0][0] <= now_us:
            self.pending.append(heapq.heappop(self._waiting)[1])

    def start(self, calls: int, token: str) -> None:
        """Ask about the next ones in line."""
        for _ in range(calls):
            seeker = self.pending.popleft()
            self._in_flight += 1
            self._profiles.ask(token, seeker[1], partial(self._answered, seeker))
        self.calls += calls

    async def changed(self, deadline_us: int) -> None:
        """Wait for an answer, the next retry or the deadline, whichever is first."""
        self._changed.clear()
        until_us = min([deadline_us, *(due_us for due_us, _seeker in self._waiting[:1])])
        try:
            async with asyncio.timeout(max(0, until_us - self._clock()) / 1_000_000):
                await self._changed.wait()
        except TimeoutError:
            return

    async def drained(self) -> None:
        """Wait for the calls in flight; the HTTP engine answers each within its timeout."""
        while self._in_flight:
            self._changed.clear()
            await self._changed.wait()

    def _answered(self, seeker: Seeker, answer: Answer) -> None:
        self._in_flight -= 1
        self._changed.set()
        match answer:
            case Friend():
                self._settle(self.friend, seeker)
            case NotFriend():
                self._settle(self.not_friend, seeker)
            case InvalidId():
                self._settle(self.invalid, seeker)
            case RateLimited():
                self.is_limited = True
                self.rate_limited += 1
                self.pending.append(seeker)
            case ChannelRefused(reason):
                self.refused = reason
                self.pending.append(seeker)
            case Unknown(reason):
                self._try_again(seeker, reason)

    def _settle(self, answered: list[int], seeker: Seeker) -> None:
        answered.append(seeker[0])
        self._unanswered_in_a_row = 0

    def _try_again(self, seeker: Seeker, reason: str) -> None:
        self._unanswered_in_a_row += 1
        tries = self._tries.get(seeker[0], 0) + 1
        self._tries[seeker[0]] = tries
        if tries >= TRIES:
            self.unknown.append(seeker)
            self.unknown_reason = reason
            return
        self.retries += 1
        due_us = self._clock() + full_jitter_us(tries, RETRY_BASE_US, RETRY_CAP_US, self._random())
        heapq.heappush(self._waiting, (due_us, seeker))
