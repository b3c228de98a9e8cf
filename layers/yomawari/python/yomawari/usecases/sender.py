"""Sends parcels at a channel's pace, with every way of stopping; multicasting and pushing are built on it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Final

from yomawari.domain.gate import SECOND_US, Ahead, Closed
from yomawari.domain.sends import QuotaReached, SendAnswer
from yomawari.usecases.check_friends import (
    BOOKED_DELAY_S,
    BOOKED_TIMES,
    ENOUGH_DELAY_S,
    MAX_DELAY_S,
    REFUSALS,
    REFUSED_FOR_US,
    WAKE_SPREAD_US,
)
from yomawari.usecases.checking import Deferred, Refused
from yomawari.usecases.pacing import Pacer, Pacing
from yomawari.usecases.parcels import Parcel, SendSettings, Stopped, Told
from yomawari.usecases.ports import Clock, GateUnavailable, RateGate, Tokens
from yomawari.usecases.sending import Sending
from yomawari.usecases.turns import Turns

QUOTA_REACHED: Final = "quota_reached"
"""Why a gate is closed whose channel has used up its month; as after a refusal it opens by itself or by a redrive."""

Deliver = Callable[[str, Parcel], Awaitable[SendAnswer]]
"""Hands a parcel to LINE with a channel's token."""


class Sender:
    """One for the life of a container, so that the sends of one channel share its permits.

    Args:
        deliver: hands a parcel to LINE; nothing is raised for LINE's sake.
        gate: grants the permits of every channel.
        tokens: the channels' access tokens.
        clock: µs since the epoch.
        random: uniform in [0, 1).
        settings: of the endpoint.
        pacing: how permits are leased.
    """

    def __init__(  # noqa: PLR0913 - one argument for each outside thing
        self,
        deliver: Deliver,
        *,
        gate: RateGate,
        tokens: Tokens,
        clock: Clock,
        random: Callable[[], float],
        settings: SendSettings,
        pacing: Pacing,
    ) -> None:
        self._deliver = deliver
        self._gate = gate
        self._tokens = tokens
        self._clock = clock
        self._random = random
        self._settings = settings
        self._pacing = pacing
        self._pacers: dict[str, Pacer] = {}
        self._turns = Turns(settings.channels_at_once, settings.chunks_per_channel)

    async def __call__(self, tenant_id: int, parcels: Iterable[Parcel], rejected: list[int], deadline_us: int) -> Told:
        """Send the parcels until `deadline_us`; `rejected` are users already known to have no LINE user id.

        Raises:
            Unavailable: the token could not be read; a repeat finds again what was accepted before, if anything.
        """
        channel = f"{tenant_id}#{self._settings.endpoint}"
        pacer = self._pacer(channel)
        sending = Sending(parcels, settings=self._settings, clock=self._clock, random=self._random)
        try:
            stopped = await self._in_turn(sending, tenant_id, channel, pacer, deadline_us)
        except GateUnavailable:
            stopped = Deferred(self._settings.gate_retry_s, "the gate is unavailable")
        finally:
            await sending.drained()
            await pacer.rest()
        return sending.told(rejected, stopped, pacer.thrown_away())

    async def _in_turn(
        self, sending: Sending, tenant_id: int, channel: str, pacer: Pacer, deadline_us: int
    ) -> Stopped | None:
        if self._turns.has_enough(channel):
            return Deferred(1 + int(ENOUGH_DELAY_S * self._random()), "enough chunks of this channel are here")
        async with self._turns.turn(channel):
            with pacer.serving(sending.pending):
                stopped = await self._send(sending, tenant_id, channel, pacer, deadline_us)
            if isinstance(sending.stopped, QuotaReached):  # no other send of the channel would get through either
                await self._close(channel, pacer, QUOTA_REACHED)
            return stopped

    def _pacer(self, channel: str) -> Pacer:
        if channel not in self._pacers:
            self._pacers[channel] = Pacer(self._gate, channel, self._settings.rate_per_s, self._pacing, self._clock)
        return self._pacers[channel]

    async def _send(
        self, sending: Sending, tenant_id: int, channel: str, pacer: Pacer, deadline_us: int
    ) -> Stopped | None:
        """Send until everything is answered, or until something stops it."""
        token = await self._tokens.token(tenant_id)
        refusals = 0
        while sending.is_unfinished():
            over = self._over(sending, token, deadline_us)
            if token is None or over is not None:
                return over
            if sending.refused is not None:
                token = await self._new_token(sending, tenant_id, channel, pacer, token)
                continue
            if sending.is_limited:
                sending.is_limited = False
                pacer.refuse(await self._gate.penalize(channel, self._clock()))
            sending.wake()
            room = sending.room()
            if not room:
                await sending.changed(deadline_us)
            elif isinstance(granted := await pacer.take(room), int):
                if sending.stopped is None and sending.refused is None:
                    sending.start(granted, partial(self._deliver, token))
                refusals = 0
            elif (stopped := await self._wait(granted, refusals := refusals + 1)) is not None:
                return stopped
            else:
                sending.is_limited = False  # what came in while the channel was closed was sent before
        return sending.stopped

    def _over(self, sending: Sending, token: str | None, deadline_us: int) -> Stopped | None:
        if sending.stopped is not None:
            return sending.stopped
        if token is None:
            return Refused(sending.refused or "no token")
        return Deferred(0, "out of time") if self._clock() >= deadline_us else None

    async def _wait(self, refusal: Ahead | Closed, times: int) -> Stopped | None:
        """Wait for the channel if that is soon; otherwise the send is over for now."""
        if isinstance(refusal, Closed) and refusal.reason == QUOTA_REACHED:
            return QuotaReached()
        if isinstance(refusal, Closed) and refusal.reason in REFUSALS:
            return Refused(refusal.reason)
        wait_us = refusal.until_us - self._clock()
        reason = refusal.reason if isinstance(refusal, Closed) else "the channel is booked"
        if wait_us > self._settings.patience_us:
            return Deferred(min(MAX_DELAY_S, -(-wait_us // SECOND_US)), reason)
        if isinstance(refusal, Ahead) and times >= BOOKED_TIMES:
            return Deferred(BOOKED_DELAY_S, reason)
        spread_us = self._pacing.horizon_us if isinstance(refusal, Ahead) else WAKE_SPREAD_US
        await asyncio.sleep((max(0, wait_us) + spread_us * self._random()) / SECOND_US)
        return None

    async def _new_token(
        self, sending: Sending, tenant_id: int, channel: str, pacer: Pacer, refused_token: str
    ) -> str | None:
        """After a 401 or 403: a token that was renewed meanwhile, or None once the channel has been closed."""
        await sending.drained()
        reason = sending.refused or ""
        self._tokens.forget(tenant_id)
        token = await self._tokens.token(tenant_id)
        if token is not None and token != refused_token:
            sending.refused = None
            return token
        await self._close(channel, pacer, reason)
        return None

    async def _close(self, channel: str, pacer: Pacer, reason: str) -> None:
        """Close the channel for every worker."""
        closed = Closed(self._clock() + REFUSED_FOR_US, reason)
        pacer.refuse(closed)
        await self._gate.close(channel, closed)
