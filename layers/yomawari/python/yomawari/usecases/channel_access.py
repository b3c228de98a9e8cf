"""Between work and its channel: turns, permits, the token, and every way in which a channel says no.

Asking (profiles) and sending (push, multicast) are both work: what is called and what an answer means is theirs.
"""

import asyncio
from collections.abc import Callable, Sized
from dataclasses import dataclass
from typing import Final, Protocol

from yomawari.domain.gate import SECOND_US, Ahead, Closed
from yomawari.usecases.pacing import Pacer, Pacing
from yomawari.usecases.ports import Clock, GateUnavailable, RateGate, Tokens
from yomawari.usecases.turns import Turns

REFUSED_FOR_US: Final = 12 * 3600 * SECOND_US
"""A channel that LINE refuses stays closed for the rest of the night; the next night asks anew."""

QUOTA_REACHED: Final = "quota_reached"
REFUSALS: Final = frozenset({"unauthorized", "forbidden", QUOTA_REACHED})
"""Why a channel is closed that nobody need wait for: it opens by itself after those hours, or by a redrive."""

MAX_DELAY_S: Final = 900
WAKE_SPREAD_US: Final = 50_000
"""Workers that wait for the same channel wake this far apart, so that they do not all ask the gate at once."""

ENOUGH_DELAY_S: Final = 4
BOOKED_TIMES: Final = 3
BOOKED_DELAY_S: Final = 10
"""A channel found booked to its horizon so often has workers enough: this one gives its work back for a while."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """What was not called yet goes back to the queue; not a failure, and no attempt."""

    delay_s: int
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """LINE refuses the channel, or it has no token: its work fails, ready to be redriven once it is mended."""

    reason: str


Stopped = Deferred | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelUse:
    """How an endpoint is used.

    Attributes:
        rate_per_s: calls a second on a channel that sets no rate of its own, and the most on any.
        window: calls in flight for one piece of work at most.
        channels_at_once: how many channels a worker calls at a time (usecases/turns.py).
        chunks_per_channel: how many pieces of work of one channel a worker holds; more go back to the queue at once.
        patience_us: how long a worker waits for a channel before it gives the work back to the queue.
        gate_retry_s: the delay of work whose gate could not be asked.
    """

    rate_per_s: int
    window: int
    channels_at_once: int
    chunks_per_channel: int
    patience_us: int = 5_000_000
    gate_retry_s: int = 30


class Work(Protocol):
    """Calls to one channel, each in one place: in line, waiting for a retry, in flight, or answered.

    Attributes:
        pending: those in line.
        refused: set by an answer with which LINE refuses the channel; taken back once there is another token.
        is_limited: set by an answer that says the channel made too many calls.
        stopped: set by what makes all further calls pointless.
    """

    @property
    def pending(self) -> Sized: ...  # noqa: D102
    @property
    def stopped(self) -> Stopped | None: ...  # noqa: D102

    refused: str | None
    is_limited: bool

    def is_unfinished(self) -> bool:
        """Whether anything is still to be called or to be heard, and there is a point in it."""
        ...

    def room(self) -> int:
        """How many calls could be started now."""
        ...

    def wake(self) -> None:
        """Put what is due for a retry back in line."""
        ...

    def start(self, calls: int, token: str) -> None:
        """Make the next calls in line."""
        ...

    async def changed(self, deadline_us: int) -> None:
        """Wait for an answer, the next retry or the deadline, whichever is first."""
        ...

    async def drained(self) -> None:
        """Wait for the calls in flight."""
        ...


@dataclass(frozen=True, slots=True)
class _Visit:
    work: Work
    tenant_id: int
    channel: str
    pacer: Pacer
    deadline_us: int


class ChannelAccess:
    """One for each endpoint and the life of a container, so that all work of one channel shares its permits.

    Args:
        endpoint: its name in the gate's channel key.
        use: how it is used.
        gate: grants the permits of every channel.
        tokens: the channels' access tokens.
        clock: µs since the epoch.
        random: uniform in [0, 1).
        pacing: how permits are leased.
    """

    def __init__(  # noqa: PLR0913 - one argument for each outside thing
        self,
        endpoint: str,
        use: ChannelUse,
        *,
        gate: RateGate,
        tokens: Tokens,
        clock: Clock,
        random: Callable[[], float],
        pacing: Pacing,
    ) -> None:
        self._endpoint = endpoint
        self._use = use
        self._gate = gate
        self._tokens = tokens
        self._clock = clock
        self._random = random
        self._pacing = pacing
        self._pacers: dict[tuple[str, int], Pacer] = {}
        self._turns = Turns(use.channels_at_once, use.chunks_per_channel)

    async def serve(
        self, work: Work, tenant_id: int, rate_per_s: int | None, deadline_us: int
    ) -> tuple[Stopped | None, int]:
        """Make the work's calls at the channel's pace until `deadline_us`; nothing is in flight any more afterwards.

        Args:
            work: what is to be called.
            tenant_id: whose channel.
            rate_per_s: the channel's own rate where it is lower than the endpoint's usual one.
            deadline_us: µs since the epoch.

        Returns:
            what stopped the work, None when it came to its own end; and how many permits came too late to be used.

        Raises:
            Unavailable: the token could not be read.
        """
        channel = self._channel(tenant_id)
        visit = _Visit(work, tenant_id, channel, self._pacer(channel, rate_per_s), deadline_us)
        try:
            stopped = await self._in_turn(visit)
        except GateUnavailable:
            stopped = Deferred(self._use.gate_retry_s, "the gate is unavailable")
        finally:
            await work.drained()
            await visit.pacer.rest()
        return stopped, visit.pacer.thrown_away()

    async def close(self, tenant_id: int, reason: str) -> None:
        """Close a tenant's channel for every worker, for one of the REFUSALS. Raises GateUnavailable."""
        channel = self._channel(tenant_id)
        closed = Closed(self._clock() + REFUSED_FOR_US, reason)
        for (paced, _rate_per_s), pacer in self._pacers.items():
            if paced == channel:
                pacer.refuse(closed)
        await self._gate.close(channel, closed)

    def _channel(self, tenant_id: int) -> str:
        return f"{tenant_id}#{self._endpoint}"

    def _pacer(self, channel: str, rate_per_s: int | None) -> Pacer:
        key = (channel, min(rate_per_s or self._use.rate_per_s, self._use.rate_per_s))
        if key not in self._pacers:
            self._pacers[key] = Pacer(self._gate, *key, self._pacing, self._clock)
        return self._pacers[key]

    async def _in_turn(self, visit: _Visit) -> Stopped | None:
        if self._turns.has_enough(visit.channel):
            # About the time that those who are here need, spread so that they do not all come back at once.
            return Deferred(1 + int(ENOUGH_DELAY_S * self._random()), "enough chunks of this channel are here")
        async with self._turns.turn(visit.channel):
            with visit.pacer.serving(visit.work.pending):
                return await self._call(visit)

    async def _call(self, visit: _Visit) -> Stopped | None:
        """Call until everything is answered, or until something stops it."""
        work, pacer = visit.work, visit.pacer
        token = await self._tokens.token(visit.tenant_id)
        refusals = 0
        while work.is_unfinished():
            stopped = self._over(visit, token)
            if token is None or stopped is not None:
                return stopped
            if work.refused is not None:
                await work.drained()
                token = await self.renewed(visit.tenant_id, token, work.refused)
                work.refused = None if token is not None else work.refused
                continue
            if work.is_limited:
                work.is_limited = False
                pacer.refuse(await self._gate.penalize(visit.channel, self._clock()))
            work.wake()
            room = work.room()
            if not room:
                await work.changed(visit.deadline_us)
            elif isinstance(granted := await pacer.take(room), int):
                if work.stopped is None and work.refused is None:
                    work.start(granted, token)
                refusals = 0
            elif (stopped := await self.wait(granted, refusals := refusals + 1)) is not None:
                return stopped
            else:
                work.is_limited = False  # what came in while the channel was closed was sent before
        return work.stopped

    def _over(self, visit: _Visit, token: str | None) -> Stopped | None:
        if visit.work.stopped is not None:
            return visit.work.stopped
        if token is None:
            return Refused(visit.work.refused or "no token")
        return Deferred(0, "out of time") if self._clock() >= visit.deadline_us else None

    async def wait(self, refusal: Ahead | Closed, times: int) -> Stopped | None:
        """Wait for the channel if that is soon; otherwise the work is over for now, or has failed.

        Args:
            refusal: what the gate said.
            times: how often running it has said so to this piece of work.
        """
        if isinstance(refusal, Closed) and refusal.reason in REFUSALS:
            return Refused(refusal.reason)
        wait_us = refusal.until_us - self._clock()
        reason = refusal.reason if isinstance(refusal, Closed) else "the channel is booked"
        if wait_us > self._use.patience_us:
            return Deferred(min(MAX_DELAY_S, -(-wait_us // SECOND_US)), reason)
        if isinstance(refusal, Ahead) and times >= BOOKED_TIMES:
            return Deferred(BOOKED_DELAY_S, reason)
        # Others have booked the channel up to its horizon, so nothing is lost by coming back within that time.
        spread_us = self._pacing.horizon_us if isinstance(refusal, Ahead) else WAKE_SPREAD_US
        await asyncio.sleep((max(0, wait_us) + spread_us * self._random()) / SECOND_US)
        return None

    async def renewed(self, tenant_id: int, refused_token: str, reason: str) -> str | None:
        """After a 401 or 403: a token that was renewed meanwhile, or None once the channel has been closed."""
        self._tokens.forget(tenant_id)
        token = await self._tokens.token(tenant_id)
        if token is not None and token != refused_token:
            return token
        await self.close(tenant_id, reason)
        return None
