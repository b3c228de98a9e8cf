"""One channel's permits in one worker: leased from the gate ahead of need, used at their slots."""

import asyncio
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from yomawari.domain.gate import Ahead, Closed, Leased, Permits, interval_us
from yomawari.usecases.ports import Clock, GateUnavailable, RateGate


@dataclass(frozen=True, slots=True)
class Pacing:
    """How a worker leases; why these numbers hold stands in docs/adr/001-rate-gate.md.

    Attributes:
        lease_permits: permits per lease; more mean fewer writes, and more slots lost with a worker that dies.
        tolerance_us: how late a permit may still be used.
        horizon_us: how far ahead of now a channel may be booked.
        confirm_us: slots that begin later than this after their lease are confirmed by a read before they are used,
            so that a closed channel stops every worker at once.
        wake_us: the least time between two looks at the slots, so that a few calls share one wake-up.
    """

    lease_permits: int = 190
    tolerance_us: int = 20_000
    horizon_us: int = 3_000_000
    confirm_us: int = 250_000
    wake_us: int = 2_000


FIRST_LEAD_US: Final = 20_000
MOST_LEAD_US: Final = 1_000_000


class Pacer:
    """Hands out one channel's permits to the chunks of that channel in this worker, at their slots."""

    def __init__(self, gate: RateGate, channel: str, rate_per_s: int, pacing: Pacing, clock: Clock) -> None:
        self._gate = gate
        self._channel = channel
        self._interval_us = interval_us(rate_per_s)
        self._pacing = pacing
        self._clock = clock
        self._permits = Permits(pacing.tolerance_us)
        self._lines: list[Sized] = []
        self._lead_us = FIRST_LEAD_US
        self._refusal: Ahead | Closed | None = None
        self._leasing: asyncio.Task[Ahead | Closed | GateUnavailable | None] | None = None

    def thrown_away(self) -> int:
        """How many permits came too late to be used since this was last asked; so each is reported once."""
        thrown_away, self._permits.thrown_away = self._permits.thrown_away, 0
        return thrown_away

    @contextmanager
    def serving(self, line: Sized) -> Iterator[None]:
        """Serve those who stand in this line; no more is leased than the lines together can use."""
        if not self._lines:
            self._refusal = None  # kept for those who came while it was fresh: since then a redrive may have opened it
        self._lines.append(line)
        try:
            yield
        finally:
            self._lines = [other for other in self._lines if other is not line]

    async def take(self, most: int) -> int | Ahead | Closed:
        """Wait for the next slot and use the permits that are due: at least one, at most `most`.

        Returns how many, or what the gate says instead of granting any.

        Raises:
            GateUnavailable: the gate cannot be asked, so nobody may call.
        """
        while True:
            now_us = self._clock()
            taken = self._permits.take(most, now_us)
            self._lease_ahead(sum(map(len, self._lines)) - taken, now_us)
            if taken:
                return taken
            next_us = self._permits.next_us()
            if next_us is not None:
                await self._wait_for(next_us, now_us)
            elif self._leasing is not None:
                outcome = await self._leasing
                if isinstance(outcome, GateUnavailable):
                    raise outcome
                if outcome is not None:
                    return outcome
            elif self._refusal is not None:
                return self._refusal
            else:
                raise AssertionError("take() for a line that is not served")

    def refuse(self, closed: Closed) -> None:
        """Give up the permits in hand: this worker has just learnt that the channel is closed."""
        self._permits.clear()
        self._refusal = closed

    async def rest(self) -> None:
        """Wait for a lease under way: nothing may be left running when the container is frozen."""
        if self._leasing is not None:
            await self._leasing

    def _lease_ahead(self, wanted: int, now_us: int) -> None:
        """Lease the next slots before the last ones are used up, so that the gate's round trip costs no slot."""
        held = self._permits.left()
        is_low = held * 2 <= self._pacing.lease_permits or held * self._interval_us <= 2 * self._lead_us
        is_refused = self._refusal is not None and self._refusal.until_us > now_us
        if is_low and wanted > held and not is_refused and self._leasing is None:
            permits = min(self._pacing.lease_permits, wanted - held)
            self._leasing = asyncio.create_task(self._lease(permits, now_us))

    async def _lease(self, permits: int, now_us: int) -> Ahead | Closed | GateUnavailable | None:
        refusal = self._refusal
        try:
            leased = await self._gate.lease(
                self._channel, permits, self._interval_us, now_us + self._lead_us, self._pacing.horizon_us
            )
        except GateUnavailable as unavailable:
            return unavailable
        finally:
            self._leasing = None
        # Slots that begin now would be late by the time the answer is here, and on a busy machine all of them.
        self._lead_us = min(max(self._clock() - now_us, self._lead_us * 7 // 8), MOST_LEAD_US)
        if self._refusal is not None and self._refusal is not refusal:
            return self._refusal  # the channel closed while this lease was under way: its slots are given up too
        if isinstance(leased, Leased):
            self._refusal = None
            self._permits.add(leased.slots)
            return None
        self._refusal = leased
        return leased

    async def _wait_for(self, slot_us: int, now_us: int) -> None:
        wait_us = slot_us - now_us
        if wait_us <= self._pacing.confirm_us:
            await asyncio.sleep(max(wait_us, self._pacing.wake_us) / 1_000_000)
            return
        await asyncio.sleep((wait_us - self._pacing.confirm_us // 2) / 1_000_000)
        closed = await self._gate.closed(self._channel, self._clock())
        if closed is not None:
            self.refuse(closed)
