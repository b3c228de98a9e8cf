"""Read a channel's whole list of followers, page after page, at the channel's pace."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from yomawari.domain.backoff import full_jitter_us
from yomawari.domain.followers import NEXT_LIVES_US, PAGE_IDS, FollowerPage, FollowerSet, InvalidStart
from yomawari.domain.gate import SECOND_US
from yomawari.domain.outcomes import ChannelRefused, RateLimited, Unknown
from yomawari.usecases.channel_access import ChannelAccess, ChannelUse, Deferred, Refused
from yomawari.usecases.pacing import Pacer, Pacing
from yomawari.usecases.ports import Clock, GateUnavailable, RateGate, Tokens
from yomawari.usecases.sweep_ports import FollowerLists

ENDPOINT: Final = "followers"
PACING: Final = replace(Pacing(), lease_permits=1)
"""A page is asked for when the one before it has come, a round trip later; permits leased ahead would all be late."""

_ONE_CALL: Final = (None,)
"""The line that the pacer serves: never more than one call waits."""

PROBE_LIMIT: Final = 1
MOST_RESTARTS: Final = 2
"""A list that begins anew more often in one visit is not going to end; it waits for its next attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSettings(ChannelUse):
    """How a list is read: a page at a time, at most at the 93 % of LINE's 2,000 that hold for profiles.

    Attributes:
        tries: calls for one page that LINE does not answer, before the sweep waits for its next attempt.
        retry_base_us, retry_cap_us: the waits between them (domain/backoff.py).
    """

    rate_per_s: int = 1_860
    window: int = 1
    channels_at_once: int = 1
    chunks_per_channel: int = 1
    tries: int = 4
    retry_base_us: int = 400_000
    retry_cap_us: int = 5_000_000


@dataclass(frozen=True, slots=True)
class NotAllowed:
    """LINE does not give this channel its list (403): the account is not verified, or not any more."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """LINE did not answer, and nothing is known of anybody."""

    reason: str


Stopped = Deferred | Refused | NotAllowed | Unanswered


@dataclass
class Listing:
    """A list as far as it has been read.

    Attributes:
        began_us: when its first page was asked for; nothing in it is younger.
        followers: who was on the pages so far.
        next: where the next page begins, None before the first page and after the last.
        next_us: when LINE gave that.
        pages: how many were read.
        calls, rate_limited: what it took, in this visit.
    """

    began_us: int
    followers: FollowerSet = field(default_factory=FollowerSet)
    next: str | None = None
    next_us: int = 0
    pages: int = 0
    calls: int = 0
    rate_limited: int = 0

    def is_complete(self) -> bool:
        """Whether the last page has come: before that, to be absent means nothing."""
        return self.pages > 0 and self.next is None

    def is_stale(self, now_us: int) -> bool:
        """Whether LINE has forgotten where it was."""
        return self.next is not None and now_us - self.next_us >= NEXT_LIVES_US

    def take(self, page: FollowerPage, now_us: int) -> None:
        """Take a page in."""
        self.followers.add(page.line_user_ids)
        self.next, self.next_us = page.next, now_us
        self.pages += 1

    def start_over(self, now_us: int) -> None:
        """Forget all pages: what was on them is of a list that cannot be read to its end."""
        self.followers, self.next, self.pages, self.began_us = FollowerSet(), None, 0, now_us


class Lister:
    """One for the life of a container; see SweepFollowers for the arguments."""

    def __init__(  # noqa: PLR0913 - one argument for each outside thing
        self,
        *,
        gate: RateGate,
        lists: FollowerLists,
        tokens: Tokens,
        clock: Clock,
        random: Callable[[], float],
        settings: ListSettings,
    ) -> None:
        self._gate = gate
        self._lists = lists
        self._tokens = tokens
        self._clock = clock
        self._random = random
        self._settings = settings
        self._channels = ChannelAccess(
            ENDPOINT, settings, gate=gate, tokens=tokens, clock=clock, random=random, pacing=PACING
        )

    async def probe(self, listing: Listing, tenant_id: int, rate_per_s: int | None, deadline_us: int) -> Stopped | None:
        """Ask whether the channel may have its list, for one id, which nobody takes in; None when it may."""
        probing = Listing(self._clock())
        stopped = await self._read(probing, tenant_id, rate_per_s, deadline_us, PROBE_LIMIT)
        listing.calls += probing.calls
        listing.rate_limited += probing.rate_limited
        return stopped

    async def read(self, listing: Listing, tenant_id: int, rate_per_s: int | None, deadline_us: int) -> Stopped | None:
        """Read the list to its end, or until something stops it; what was read so far stays in `listing`."""
        return await self._read(listing, tenant_id, rate_per_s, deadline_us, PAGE_IDS)

    async def _read(
        self, listing: Listing, tenant_id: int, rate_per_s: int | None, deadline_us: int, limit: int
    ) -> Stopped | None:
        channel = f"{tenant_id}#{ENDPOINT}"
        rate_per_s = min(rate_per_s or self._settings.rate_per_s, self._settings.rate_per_s)
        pacer = Pacer(self._gate, channel, rate_per_s, PACING, self._clock)
        reading = _Reading(listing, tenant_id, channel, pacer, deadline_us, limit)
        try:
            with pacer.serving(_ONE_CALL):
                return await self._pages(reading)
        except GateUnavailable:
            return Deferred(self._settings.gate_retry_s, "the gate is unavailable")
        finally:
            await pacer.rest()

    async def _pages(self, reading: "_Reading") -> Stopped | None:
        reading.token = await self._tokens.token(reading.tenant_id)
        while not reading.is_done():
            if reading.token is None:
                return Refused("no token")
            if self._clock() >= reading.deadline_us:
                return Deferred(0, "out of time")
            if reading.listing.is_stale(self._clock()):
                reading.listing.start_over(self._clock())
            granted = await reading.pacer.take(1)
            stopped = (
                await self._page(reading, reading.token)
                if isinstance(granted, int)
                else await self._channels.wait(granted, times=1)
            )
            if stopped is not None:
                return stopped
        return None

    async def _page(self, reading: "_Reading", token: str) -> Stopped | None:
        """Ask for the next page and take in what LINE answers."""
        listing = reading.listing
        listing.calls += 1
        answer = await self._lists.page(token, reading.limit, listing.next)
        match answer:
            case FollowerPage(next=str(following)) if following == listing.next:
                return await self._again(reading, "a page that names itself as the next")
            case FollowerPage():
                listing.take(answer, self._clock())
                reading.tries = 0
            case RateLimited():
                listing.rate_limited += 1
                reading.pacer.refuse(await self._gate.penalize(reading.channel, self._clock()))
            case InvalidStart():
                reading.restarts += 1
                if reading.restarts > MOST_RESTARTS:
                    return Unanswered("LINE does not take its own next")
                listing.start_over(self._clock())
            case Unknown(reason):
                return await self._again(reading, reason)
            case ChannelRefused("forbidden"):
                return NotAllowed()
            case ChannelRefused(reason):
                return await self._new_token(reading, token, reason)
        return None

    async def _again(self, reading: "_Reading", reason: str) -> Stopped | None:
        reading.tries += 1
        if reading.tries >= self._settings.tries:
            return Unanswered(reason)
        base_us, cap_us = self._settings.retry_base_us, self._settings.retry_cap_us
        await asyncio.sleep(full_jitter_us(reading.tries, base_us, cap_us, self._random()) / SECOND_US)
        return None

    async def _new_token(self, reading: "_Reading", refused_token: str, reason: str) -> Stopped | None:
        """After a 401: go on with a token that was renewed meanwhile, or close the channel's list for everybody."""
        reading.token = await self._channels.renewed(reading.tenant_id, refused_token, reason)
        return Refused(reason) if reading.token is None else None


@dataclass
class _Reading:
    """One visit to a list."""

    listing: Listing
    tenant_id: int
    channel: str
    pacer: Pacer
    deadline_us: int
    limit: int
    token: str | None = None
    tries: int = 0
    restarts: int = 0

    def is_done(self) -> bool:
        """A probe is done with its first page."""
        return self.listing.is_complete() or (self.limit == PROBE_LIMIT and self.listing.pages > 0)
