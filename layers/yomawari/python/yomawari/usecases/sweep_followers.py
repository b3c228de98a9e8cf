"""Find out who is still a friend from a channel's list of followers, a thousand a call, and hand the answers on.

Nothing is said of anybody before the last page has come. The answers are those of the nightly round, in the same
messages, so that nobody downstream can tell how they were found.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from yomawari.domain.backoff import Attempts
from yomawari.domain.chunks import Seeker, chunks_of
from yomawari.domain.followers import FollowerSet
from yomawari.domain.gate import SECOND_US
from yomawari.domain.outcomes import is_line_user_id
from yomawari.messages import MAX_CHUNK_SEEKERS, CheckResults, FollowerSweep, SweepProgress
from yomawari.usecases.channel_access import Deferred, Refused
from yomawari.usecases.listing import Lister, Listing, ListSettings, NotAllowed, Stopped, Unanswered
from yomawari.usecases.ports import AsyncOutbox, Clock, Outgoing, RateGate, Tokens
from yomawari.usecases.sweep_ports import FollowerLists, SweepStates, SweepStore

log = logging.getLogger(__name__)

_MESSAGES_PER_SEND: Final = 10


@dataclass(frozen=True, slots=True)
class SweepQueues:
    """Where a sweep's messages go: sweeps to come and given up, chunks of those asked one by one, and results."""

    sweeps: AsyncOutbox
    dead_letters: AsyncOutbox
    checks: AsyncOutbox
    writes: AsyncOutbox


@dataclass(frozen=True, slots=True)
class Swept:
    """What became of a sweep, and what it took; seekers are those of whom something was said, or who go by chunks."""

    outcome: str
    seekers: int
    followers: int
    pages: int
    calls: int
    rate_limited: int
    reason: str | None = None


class SweepFollowers:
    """The use case; one for the life of a container.

    Args:
        gate: grants the permits of every channel.
        lists: asks LINE.
        tokens: the channels' access tokens.
        store: the tenant's job seekers, and what LINE said of its channel.
        states: where an unfinished list waits for the next worker.
        queues: where messages go.
        clock: µs since the epoch.
        random: uniform in [0, 1).
    """

    def __init__(  # noqa: PLR0913 - one argument for each outside thing
        self,
        *,
        gate: RateGate,
        lists: FollowerLists,
        tokens: Tokens,
        store: SweepStore,
        states: SweepStates,
        queues: SweepQueues,
        clock: Clock,
        random: Callable[[], float],
        attempts: Attempts | None = None,
        list_settings: ListSettings | None = None,
    ) -> None:
        self._list_settings = list_settings or ListSettings()
        self._lister = Lister(
            gate=gate, lists=lists, tokens=tokens, clock=clock, random=random, settings=self._list_settings
        )
        self._store = store
        self._states = states
        self._queues = queues
        self._clock = clock
        self._random = random
        self._attempts = attempts or Attempts()

    async def __call__(self, sweep: FollowerSweep, deadline_us: int) -> Swept:
        """Read the channel's list until `deadline_us`, and send on what was learnt.

        Whatever happens, the tenant ends in exactly one place: in results messages, in a sweep that goes on where this
        one stopped, in chunks of those to be asked one by one, or failed, with the sweep in the dead-letter queue.

        Raises:
            Unavailable: what was learnt could not be kept or sent; the sweep must be delivered again.
        """
        listing = await self._resume(sweep)
        stopped = await self._probe(sweep, listing, deadline_us) if sweep.probe and sweep.progress is None else None
        if stopped is None:
            stopped = await self._lister.read(listing, sweep.tenant_id, sweep.rate_per_s, deadline_us)
        match stopped:
            case None:
                return await self._compare(sweep, listing)
            case NotAllowed():
                return await self._ask_one_by_one(sweep, listing)
            case Deferred(delay_s, reason):
                return await self._go_on(sweep, listing, sweep.attempt, delay_s, reason)
            case Unanswered(reason) if sweep.attempt < self._attempts.most:
                delay_s = self._attempts.delay_s(sweep.attempt, self._random())
                return await self._go_on(sweep, listing, sweep.attempt + 1, delay_s, reason)
            case Unanswered(reason):
                return await self._give_up(sweep, listing, reason, closed=None)
            case Refused(reason):
                return await self._give_up(sweep, listing, reason, closed=reason)

    async def _probe(self, sweep: FollowerSweep, listing: Listing, deadline_us: int) -> Stopped | None:
        stopped = await self._lister.probe(listing, sweep.tenant_id, sweep.rate_per_s, deadline_us)
        if stopped is None:
            self._store.probed(sweep.tenant_id, _moment(self._clock()), allowed=True)
        return stopped

    async def _resume(self, sweep: FollowerSweep) -> Listing:
        """The list as the last worker left it; from the beginning when nobody did, or its pages are gone."""
        fresh, progress = Listing(self._clock()), sweep.progress
        if progress is None:
            return fresh
        packed = await self._states.load(progress.state_key)
        if packed is None:
            log.warning("sweep starts over: its pages are gone", extra=_keys(sweep))
            return fresh
        return Listing(
            began_us=_us(progress.began_at),
            followers=FollowerSet(packed),
            next=progress.next,
            next_us=_us(progress.next_at),
            pages=progress.pages,
        )

    async def _compare(self, sweep: FollowerSweep, listing: Listing) -> Swept:
        """Say of every job seeker whether they were on the list, as of when its first page was asked for."""
        observed_at = _moment(listing.began_us)
        said = (_compared(sweep, observed_at, block, listing.followers) for block in self._blocks(sweep))
        seekers = await self._write(sweep, said)
        return _swept("compared", seekers, listing)

    async def _ask_one_by_one(self, sweep: FollowerSweep, listing: Listing) -> Swept:
        """Send the tenant in chunks after all: LINE does not give this channel its list."""
        self._store.probed(sweep.tenant_id, _moment(self._clock()), allowed=False)
        log.warning("channel may not list its followers: asked one by one", extra=_keys(sweep))
        rate_per_s, seekers = self._list_settings.rate_per_s, 0
        with closing(self._store.seekers(sweep.run_id, sweep.tenant_id)) as own:
            chunks = chunks_of(sweep.run_id, sweep.tenant_id, own, sweep.rate_per_s, rate_per_s)
            while batch := list(islice(chunks, _MESSAGES_PER_SEND)):
                group = str(sweep.tenant_id)
                await self._queues.checks.send([Outgoing(one.body, delay_s=one.delay_s, group=group) for one in batch])
                seekers += sum(one.seekers for one in batch)
        await self._queues.writes.send([_counted(sweep, seekers, _moment(self._clock()))])
        return _swept("by profile", seekers, listing)

    async def _go_on(self, sweep: FollowerSweep, listing: Listing, attempt: int, delay_s: int, reason: str) -> Swept:
        """Leave the pages so far, and a message, for the next worker; the pages first."""
        progress = None
        if listing.next is not None:
            key = f"{sweep.run_id}/{sweep.tenant_id}/{self._clock()}"
            await self._states.save(key, listing.followers.packed())
            progress = SweepProgress(
                began_at=_moment(listing.began_us),
                pages=listing.pages,
                next=listing.next,
                next_at=_moment(listing.next_us),
                state_key=key,
            )
        later = sweep.model_copy(update={"attempt": attempt, "progress": progress})
        await self._queues.sweeps.send([_outgoing(later, delay_s)])
        return _swept("deferred" if attempt == sweep.attempt else "again", 0, listing, reason)

    async def _give_up(self, sweep: FollowerSweep, listing: Listing, reason: str, *, closed: str | None) -> Swept:
        """Fail everybody, and put the sweep aside; redriven it has all its attempts before it again."""
        now = _moment(self._clock())
        said = (
            CheckResults(
                run_id=sweep.run_id,
                tenant_id=sweep.tenant_id,
                observed_at=now,
                failed=[seeker_id for seeker_id, _ in block],
                reason=reason,
                closed=closed,
            )
            for block in self._blocks(sweep)
        )
        seekers = await self._write(sweep, said)
        dead = sweep.model_copy(update={"attempt": 1, "progress": None, "reason": reason})
        await self._queues.dead_letters.send([_outgoing(dead, delay_s=0)])
        return _swept("failed", seekers, listing, reason)

    async def _write(self, sweep: FollowerSweep, said: Iterator[CheckResults]) -> int:
        """Send results as they are made, then how many job seekers they are of: some came or went since dispatch."""
        seekers = 0
        while batch := list(islice(said, _MESSAGES_PER_SEND)):
            await self._queues.writes.send([Outgoing(one.model_dump_json()) for one in batch])
            seekers += sum(len(one.friend) + len(one.not_friend) + len(one.invalid) + len(one.failed) for one in batch)
        await self._queues.writes.send([_counted(sweep, seekers, _moment(self._clock()))])
        return seekers

    def _blocks(self, sweep: FollowerSweep) -> Iterator[list[Seeker]]:
        with closing(self._store.seekers(sweep.run_id, sweep.tenant_id)) as seekers:
            while block := list(islice(seekers, MAX_CHUNK_SEEKERS)):
                yield block


def _compared(
    sweep: FollowerSweep, observed_at: datetime, block: Iterable[Seeker], followers: FollowerSet
) -> CheckResults:
    friend: list[int] = []
    not_friend: list[int] = []
    invalid: list[int] = []
    for seeker_id, line_user_id in block:
        if not is_line_user_id(line_user_id):
            invalid.append(seeker_id)
        elif line_user_id in followers:
            friend.append(seeker_id)
        else:
            not_friend.append(seeker_id)
    return CheckResults(
        run_id=sweep.run_id,
        tenant_id=sweep.tenant_id,
        observed_at=observed_at,
        friend=friend,
        not_friend=not_friend,
        invalid=invalid,
    )


def _counted(sweep: FollowerSweep, seekers: int, now: datetime) -> Outgoing:
    results = CheckResults(run_id=sweep.run_id, tenant_id=sweep.tenant_id, observed_at=now, seekers=seekers)
    return Outgoing(results.model_dump_json())


def _outgoing(sweep: FollowerSweep, delay_s: int) -> Outgoing:
    reason = {"reason": sweep.reason} if sweep.reason else None
    return Outgoing(sweep.model_dump_json(), delay_s=delay_s, group=str(sweep.tenant_id), attributes=reason)


def _swept(outcome: str, seekers: int, listing: Listing, reason: str | None = None) -> Swept:
    return Swept(outcome, seekers, len(listing.followers), listing.pages, listing.calls, listing.rate_limited, reason)


def _keys(sweep: FollowerSweep) -> dict[str, int]:
    return {"run_id": sweep.run_id, "tenant_id": sweep.tenant_id}


def _moment(us: int) -> datetime:
    return datetime.fromtimestamp(us / SECOND_US, UTC)


def _us(moment: datetime) -> int:
    return round(moment.timestamp() * SECOND_US)
