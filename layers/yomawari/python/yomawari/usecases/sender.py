"""Sends parcels at a channel's pace; multicasting and pushing are built on it."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import ClassVar, Final

from yomawari.domain.sends import FEW, SendAnswer, is_wave
from yomawari.usecases.channel_access import QUOTA_REACHED, ChannelAccess, Deferred, Refused, Stopped
from yomawari.usecases.pacing import Pacing
from yomawari.usecases.parcels import KeyParts, Parcel, SendSettings, Told
from yomawari.usecases.ports import Clock, GateUnavailable, RateGate, Tokens, Unavailable
from yomawari.usecases.send_ports import LineMessages
from yomawari.usecases.sending import Sending

log = logging.getLogger(__name__)

ALL_REJECTED: Final = "LINE rejects everybody"
QUOTA_DELAY_S: Final = 300
"""How long to wait for quota that LINE has reserved for a delivery still running, or says nothing about."""


class Sender(ABC):
    """One of each kind for the life of a container, so that the sends of one channel share its permits.

    A kind says how an endpoint is used (`settings`), how permits are leased (`pacing`), and hands over a parcel.

    Args:
        gate: grants the permits of every channel.
        messages: asks LINE.
        tokens: the channels' access tokens.
        clock: µs since the epoch.
        random: uniform in [0, 1).
    """

    settings: ClassVar[SendSettings]
    pacing: ClassVar[Pacing] = Pacing()

    def __init__(
        self, *, gate: RateGate, messages: LineMessages, tokens: Tokens, clock: Clock, random: Callable[[], float]
    ) -> None:
        self._messages = messages
        self._tokens = tokens
        self._clock = clock
        self._random = random
        self._channels = ChannelAccess(
            self.settings.endpoint,
            self.settings,
            gate=gate,
            tokens=tokens,
            clock=clock,
            random=random,
            pacing=self.pacing,
        )

    @abstractmethod
    async def _deliver(self, token: str, parcel: Parcel) -> SendAnswer:
        """Hand a parcel to LINE with a channel's token; nothing is raised for LINE's sake."""

    async def _send(  # noqa: PLR0913, PLR0917 - whom, what and how
        self,
        tenant_id: int,
        rate_per_s: int | None,
        about: KeyParts,
        parcels: Iterable[Parcel],
        rejected: list[int],
        deadline_us: int,
    ) -> Told:
        """Send the parcels until `deadline_us`; `rejected` are users already known to have no LINE user id.

        What they are `about` is for the log. Where LINE accepts nobody and rejects five or more, it is not believed:
        that is no answer.

        Raises:
            Unavailable: the token could not be read; a repeat finds again what was accepted before, if anything.
        """
        sending = Sending(parcels, self._deliver, settings=self.settings, clock=self._clock, random=self._random)
        stopped, thrown_away = await self._channels.serve(sending, tenant_id, rate_per_s, deadline_us)
        if sending.over_quota is not None:
            stopped = await self._over_quota(tenant_id, sending.over_quota)
        told = sending.told(rejected, stopped, thrown_away)
        self._report_rejected(tenant_id, about, told)
        by_line = told.rejected[len(rejected) :]
        if told.accepted or len(by_line) < FEW:
            return told
        # LINE is mistaken, for minutes perhaps, or all ids are another channel's: in the end somebody must look.
        unanswered = [*told.unanswered, *by_line]
        return replace(told, rejected=rejected, unanswered=unanswered, reason=told.reason or ALL_REJECTED)

    def _report_rejected(self, tenant_id: int, about: KeyParts, told: Told) -> None:
        """Where anybody was accepted nothing stops for them, so that a wave of wrong 400s must be seen."""
        counts = {"rejected": len(told.rejected), "accepted": len(told.accepted)}
        if told.rejected:
            level = logging.ERROR if is_wave(**counts) else logging.WARNING
            log.log(level, "people rejected", extra={"tenant_id": tenant_id, "about": about, **counts})

    async def _over_quota(self, tenant_id: int, recipients: int) -> Stopped:
        """Close the channel, unless the quota is enough: then LINE has reserved it for another delivery for now.

        LINE's FAQ, "Why do I get 429": the planned count of a delivery under way is reserved, and freed at its end.
        """
        try:
            token = await self._tokens.token(tenant_id)
            left = await self._messages.quota_left(token) if token is not None else 0
            if left is None or left >= recipients:
                return Deferred(QUOTA_DELAY_S, "the month's quota is reserved")
            await self._channels.close(tenant_id, QUOTA_REACHED)
        except GateUnavailable:
            return Deferred(self.settings.gate_retry_s, "the gate is unavailable")
        except Unavailable:
            return Deferred(QUOTA_DELAY_S, "the month's quota is unknown")
        return Refused(QUOTA_REACHED)
