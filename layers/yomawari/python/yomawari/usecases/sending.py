"""The state of one send: whom LINE is still to be told about, who waits, who was accepted, and what stops it.

Push and multicast differ in how many recipients a parcel has; everything else is the same and stands here.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from yomawari.domain.backoff import full_jitter_us
from yomawari.domain.outcomes import ChannelRefused, RateLimited, Unknown
from yomawari.domain.sends import (
    Accepted,
    AlreadyAccepted,
    BadMessage,
    BadRecipients,
    BadRequest,
    QuotaReached,
    SendAnswer,
    bisect,
)
from yomawari.usecases.channel_access import QUOTA_REACHED, Deferred, Refused, Stopped
from yomawari.usecases.parcels import Deliver, Parcel, SendSettings, Told
from yomawari.usecases.ports import Clock

if TYPE_CHECKING:
    from uuid import UUID


class Sending:
    """One send's parcels, each in one place: pending, waiting for a retry, in flight, or answered.

    Attributes:
        over_quota: recipients of a parcel that LINE refused for the month's quota; None while it refused none.
    """

    def __init__(
        self,
        parcels: Iterable[Parcel],
        deliver: Deliver,
        *,
        settings: SendSettings,
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        self.pending = deque(parcels)
        self.stopped: Stopped | None = None
        self.refused: str | None = None
        self.is_limited = False
        self.over_quota: int | None = None
        self._deliver = deliver
        self._settings = settings
        self._clock = clock
        self._random = random
        self._accepted: list[int] = []
        self._rejected: list[int] = []
        self._given_up: list[Parcel] = []
        self._reason: str | None = None
        self._calls = self._retries = self._repeated = self._rate_limited = 0
        self._waiting: list[tuple[int, int, Parcel]] = []
        self._order = count()  # of two that are due at once the first to fail comes first
        self._tries: dict[UUID, int] = {}
        self._unanswered_in_a_row = 0
        self._in_flight: set[asyncio.Task[None]] = set()
        self._is_broken = False
        self._changed = asyncio.Event()

    def is_unfinished(self) -> bool:
        """Whether anything is still to be sent or to be heard, and nothing unforeseen has happened."""
        return not self._is_broken and bool(self.pending or self._waiting or self._in_flight)

    def room(self) -> int:
        """How many calls could be started now."""
        return min(len(self.pending), self._settings.window - len(self._in_flight))

    def wake(self) -> None:
        """Put what is due for a retry back in line."""
        now_us = self._clock()
        while self._waiting and self._waiting[0][0] <= now_us:
            self.pending.append(heapq.heappop(self._waiting)[2])

    def start(self, calls: int, token: str) -> None:
        """Send the next parcels in line."""
        for _ in range(calls):
            task = asyncio.create_task(self._send(self.pending.popleft(), token))
            self._in_flight.add(task)
            task.add_done_callback(self._heard)
        self._calls += calls

    async def changed(self, deadline_us: int) -> None:
        """Wait for an answer, the next retry or the deadline, whichever is first."""
        self._changed.clear()
        until_us = min([deadline_us, *(due_us for due_us, _order, _parcel in self._waiting[:1])])
        try:
            async with asyncio.timeout(max(0, until_us - self._clock()) / 1_000_000):
                await self._changed.wait()
        except TimeoutError:
            return

    async def drained(self) -> None:
        """Wait for the calls in flight, which the HTTP engine answers within its timeout; raise what one raised."""
        if self._in_flight:
            heard, _ = await asyncio.wait(self._in_flight)
            for call in heard:
                call.result()

    def told(self, rejected: list[int], stopped: Stopped | None, permits_thrown_away: int) -> Told:
        """What has become of everyone, once nothing is in flight any more."""
        left = [*self.pending, *(parcel for _due_us, _order, parcel in self._waiting)]
        unanswered = self._given_up + [parcel for parcel in left if parcel.retry_key in self._tries]
        return Told(
            accepted=self._accepted,
            rejected=rejected + self._rejected,
            unsent=_user_ids(parcel for parcel in left if parcel.retry_key not in self._tries),
            unanswered=_user_ids(unanswered),
            stopped=stopped,
            reason=self._reason if unanswered else None,
            calls=self._calls,
            retries=self._retries,
            repeated=self._repeated,
            rate_limited=self._rate_limited,
            permits_thrown_away=permits_thrown_away,
        )

    async def _send(self, parcel: Parcel, token: str) -> None:
        answer = await self._deliver(token, parcel)
        if not isinstance(answer, Unknown):
            self._unanswered_in_a_row = 0
        self._answered(parcel, answer)

    def _heard(self, call: asyncio.Task[None]) -> None:
        self._changed.set()
        if call.cancelled() or call.exception() is not None:
            self._is_broken = True  # it stays, for drained() to raise
        else:
            self._in_flight.discard(call)

    def _answered(self, parcel: Parcel, answer: SendAnswer) -> None:
        match answer:
            case Accepted() | AlreadyAccepted():
                self._accepted += _user_ids([parcel])
                self._repeated += isinstance(answer, AlreadyAccepted)
            case BadRecipients(indexes):
                self._drop(parcel, set(indexes))
            case BadRequest():
                self._drop(parcel, set())
            case RateLimited():
                self.is_limited = True
                self._rate_limited += 1
                self.pending.append(parcel)
            case Unknown(reason):
                self._try_again(parcel, reason)
            case ChannelRefused(reason):
                self.refused = reason
                self.pending.append(parcel)
            case QuotaReached():
                self.stopped = Refused(QUOTA_REACHED)
                self.over_quota = len(parcel.recipients)
                self.pending.append(parcel)
            case BadMessage(reason):
                self.stopped = Refused(f"bad message: {reason}")
                self.pending.append(parcel)

    def _drop(self, parcel: Parcel, indexes: set[int]) -> None:
        """Go on without the recipients at these places; in two halves where no place is named."""
        recipients = parcel.recipients
        kept = tuple(one for place, one in enumerate(recipients) if place not in indexes)
        if len(recipients) == 1:
            self._rejected += _user_ids([parcel])
        elif len(kept) == len(recipients):
            self.pending.extend(replace(parcel, recipients=tuple(half)) for half in bisect(recipients))
        else:
            bad = tuple(one for place, one in enumerate(recipients) if place in indexes)
            self._rejected += _user_ids([replace(parcel, recipients=bad)])
            if kept:
                self.pending.append(replace(parcel, recipients=kept))

    def _try_again(self, parcel: Parcel, reason: str) -> None:
        """The same parcel has the same key, so that LINE takes it once however often it is sent."""
        settings = self._settings
        self._reason = reason
        self._unanswered_in_a_row += 1
        if self._unanswered_in_a_row >= settings.outage_after:
            self.stopped = Deferred(settings.outage_delay_s, "LINE does not answer")
        tries = self._tries[parcel.retry_key] = self._tries.get(parcel.retry_key, 0) + 1
        if tries >= settings.tries:
            self._given_up.append(parcel)
            return
        self._retries += 1
        wait_us = full_jitter_us(tries, settings.retry_base_us, settings.retry_cap_us, self._random())
        heapq.heappush(self._waiting, (self._clock() + wait_us, next(self._order), parcel))


def _user_ids(parcels: Iterable[Parcel]) -> list[int]:
    return [user_id for parcel in parcels for one in parcel.recipients for user_id in one.user_ids]
