"""Ask LINE about the job seekers of one chunk, at the channel's pace, and hand the answers on."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from yomawari.domain.backoff import redelivery_delay_s
from yomawari.domain.gate import SECOND_US, Ahead, Closed
from yomawari.messages import CheckResults, FriendCheckChunk
from yomawari.usecases.asking import Asking
from yomawari.usecases.checking import Checked, CheckSettings, Deferred, Refused, Unanswered
from yomawari.usecases.pacing import Pacer, Pacing
from yomawari.usecases.ports import AsyncOutbox, Clock, GateUnavailable, Outgoing, Profiles, RateGate, Tokens
from yomawari.usecases.turns import Turns

REFUSED_FOR_US: Final = 12 * 3600 * SECOND_US
"""A channel that LINE refuses stays closed for the rest of the night; the next night asks anew."""

REFUSALS: Final = frozenset({"unauthorized", "forbidden"})
MAX_DELAY_S: Final = 900
WAKE_SPREAD_US: Final = 50_000
"""Workers that wait for the same channel wake this far apart, so that they do not all ask the gate at once."""

ENOUGH_DELAY_S: Final = 4
BOOKED_TIMES: Final = 3
BOOKED_DELAY_S: Final = 10
"""A channel found booked to its horizon so often has workers enough: this one gives its chunk back for a while."""


class CheckFriends:
    """The use case; one for the life of a container, so that chunks of one channel share its permits.

    Args:
        gate: grants the permits of every channel.
        profiles: asks LINE.
        tokens: the channels' access tokens.
        checks, dead_letters, writes: the queues for chunks to come, chunks given up, and results.
        clock: µs since the epoch.
        random: uniform in [0, 1).
    """

    def __init__(  # noqa: PLR0913 - one argument for each outside thing
        self,
        *,
        gate: RateGate,
        profiles: Profiles,
        tokens: Tokens,
        checks: AsyncOutbox,
        dead_letters: AsyncOutbox,
        writes: AsyncOutbox,
        clock: Clock,
        random: Callable[[], float],
        settings: CheckSettings | None = None,
        pacing: Pacing | None = None,
    ) -> None:
        self._gate = gate
        self._profiles = profiles
        self._tokens = tokens
        self._checks = checks
        self._dead_letters = dead_letters
        self._writes = writes
        self._clock = clock
        self._random = random
        self._settings = settings or CheckSettings()
        self._pacing = pacing or Pacing()
        self._pacers: dict[tuple[str, int], Pacer] = {}
        self._turns = Turns(self._settings.channels_at_once, self._settings.chunks_per_channel)

    async def __call__(self, chunk: FriendCheckChunk, deadline_us: int) -> Checked:
        """Ask about every job seeker of the chunk until `deadline_us`, and send on what was learnt.

        Whatever happens, each job seeker ends in exactly one place: in a results message, in a smaller chunk back on
        the queue, or in a dead-letter chunk with the reason. Results are sent first, so a crash in between repeats
        work but loses nothing.

        Raises:
            Unavailable: what was learnt could not be sent; the chunk must be delivered again.
        """
        channel = f"{chunk.tenant_id}#profile"
        pacer = self._pacer(channel, chunk.rate_per_s or self._settings.rate_per_s)
        asking = Asking(chunk.seekers, window=self._settings.window, clock=self._clock, random=self._random)
        started_us = self._clock()
        try:
            stopped = await self._in_turn(asking, chunk.tenant_id, channel, pacer, deadline_us)
        except GateUnavailable:
            stopped = Deferred(self._settings.gate_retry_s, "the gate is unavailable")
        finally:
            await asking.drained()
            await pacer.rest()
        unanswered = self._place(chunk.attempt, asking, stopped)
        await self._hand_on(chunk, asking, unanswered, started_us)
        return _checked(asking, unanswered, pacer.thrown_away())

    async def _in_turn(
        self, asking: Asking, tenant_id: int, channel: str, pacer: Pacer, deadline_us: int
    ) -> Deferred | Refused | None:
        if self._turns.has_enough(channel):
            # About the time that those who are here need, spread so that they do not all come back at once.
            return Deferred(1 + int(ENOUGH_DELAY_S * self._random()), "enough chunks of this channel are here")
        async with self._turns.turn(channel):
            with pacer.serving(asking.pending):
                return await self._ask(asking, tenant_id, channel, pacer, deadline_us)

    def _pacer(self, channel: str, rate_per_s: int) -> Pacer:
        key = (channel, rate_per_s)
        if key not in self._pacers:
            self._pacers[key] = Pacer(self._gate, channel, rate_per_s, self._pacing, self._clock)
        return self._pacers[key]

    async def _ask(
        self, asking: Asking, tenant_id: int, channel: str, pacer: Pacer, deadline_us: int
    ) -> Deferred | Refused | None:
        """Ask until everyone has answered, or until something stops it."""
        token = await self._tokens.token(tenant_id)
        refusals = 0
        while asking.is_unfinished() and not asking.is_outage():
            if token is None:
                return Refused(asking.refused or "no token")
            if self._clock() >= deadline_us:
                return Deferred(0, "out of time")
            if asking.refused is not None:
                token = await self._new_token(asking, tenant_id, channel, pacer, token)
                continue
            if asking.is_limited:
                asking.is_limited = False
                pacer.refuse(await self._gate.penalize(channel, self._clock()))
            asking.wake()
            room = asking.room()
            if not room:
                await asking.changed(deadline_us)
            elif isinstance(granted := await pacer.take(room), int):
                asking.start(granted, self._profiles, token)
                refusals = 0
            elif (stopped := await self._wait(granted, refusals := refusals + 1)) is not None:
                return stopped
            else:
                asking.is_limited = False  # what came in while the channel was closed was sent before
        return None

    async def _wait(self, refusal: Ahead | Closed, times: int) -> Deferred | Refused | None:
        """Wait for the channel if that is soon; otherwise the chunk goes back to the queue, or fails."""
        if isinstance(refusal, Closed) and refusal.reason in REFUSALS:
            return Refused(refusal.reason)
        wait_us = refusal.until_us - self._clock()
        reason = refusal.reason if isinstance(refusal, Closed) else "the channel is booked"
        if wait_us > self._settings.patience_us:
            return Deferred(min(MAX_DELAY_S, -(-wait_us // SECOND_US)), reason)
        if isinstance(refusal, Ahead) and times >= BOOKED_TIMES:
            return Deferred(BOOKED_DELAY_S, reason)
        # Others have booked the channel up to its horizon, so nothing is lost by coming back within that time.
        spread_us = self._pacing.horizon_us if isinstance(refusal, Ahead) else WAKE_SPREAD_US
        await asyncio.sleep((max(0, wait_us) + spread_us * self._random()) / SECOND_US)
        return None

    async def _new_token(
        self, asking: Asking, tenant_id: int, channel: str, pacer: Pacer, refused_token: str
    ) -> str | None:
        """After a 401 or 403: a token that was renewed meanwhile, or None once the channel has been closed."""
        await asking.drained()
        reason = asking.refused or ""
        self._tokens.forget(tenant_id)
        token = await self._tokens.token(tenant_id)
        if token is not None and token != refused_token:
            asking.refused = None
            return token
        closed = Closed(self._clock() + REFUSED_FOR_US, reason)
        pacer.refuse(closed)
        await self._gate.close(channel, closed)
        return None

    def _place(self, attempt: int, asking: Asking, stopped: Deferred | Refused | None) -> Unanswered:
        """Decide for everyone without an answer: fail, ask again after a growing delay, or just defer."""
        left, unknown = asking.left(), asking.unknown
        if isinstance(stopped, Refused):
            return Unanswered(failed=left + unknown, reason=stopped.reason, closed=stopped.reason)
        if stopped is None:
            left, unknown = [], unknown + left
        is_last = attempt >= self._settings.attempts
        return Unanswered(
            failed=unknown if is_last else [],
            again=[] if is_last else unknown,
            deferred=left,
            delay_s=stopped.delay_s if stopped else 0,
            reason=asking.unknown_reason or (stopped.reason if stopped else None),
        )

    async def _hand_on(self, chunk: FriendCheckChunk, asking: Asking, unanswered: Unanswered, started_us: int) -> None:
        results = CheckResults(
            run_id=chunk.run_id,
            tenant_id=chunk.tenant_id,
            observed_at=datetime.fromtimestamp(started_us / SECOND_US, UTC),
            friend=asking.friend,
            not_friend=asking.not_friend,
            invalid=asking.invalid,
            failed=[job_seeker_id for job_seeker_id, _line_user_id in unanswered.failed],
            reason=unanswered.reason if unanswered.failed else None,
            closed=unanswered.closed,
        )
        if results.friend or results.not_friend or results.invalid or results.failed:
            await self._writes.send([Outgoing(results.model_dump_json())])
        if unanswered.failed:
            # A redriven chunk has all its attempts before it again.
            dead = chunk.model_copy(update={"seekers": unanswered.failed, "attempt": 1, "reason": unanswered.reason})
            await self._dead_letters.send([_outgoing(dead, delay_s=0)])
        await self._checks.send(self._later(chunk, unanswered))

    def _later(self, chunk: FriendCheckChunk, unanswered: Unanswered) -> list[Outgoing]:
        later = []
        if unanswered.again:
            delay_s = redelivery_delay_s(
                chunk.attempt, self._settings.attempt_base_s, self._settings.attempt_cap_s, self._random()
            )
            again = chunk.model_copy(update={"seekers": unanswered.again, "attempt": chunk.attempt + 1})
            later.append(_outgoing(again, delay_s))
        if unanswered.deferred:
            later.append(_outgoing(chunk.model_copy(update={"seekers": unanswered.deferred}), unanswered.delay_s))
        return later


def _outgoing(chunk: FriendCheckChunk, delay_s: int) -> Outgoing:
    reason = {"reason": chunk.reason} if chunk.reason else None
    return Outgoing(chunk.model_dump_json(), delay_s=delay_s, group=str(chunk.tenant_id), attributes=reason)


def _checked(asking: Asking, unanswered: Unanswered, thrown_away: int) -> Checked:
    return Checked(
        friends=len(asking.friend),
        not_friends=len(asking.not_friend),
        invalid=len(asking.invalid),
        failed=len(unanswered.failed),
        again=len(unanswered.again),
        deferred=len(unanswered.deferred),
        calls=asking.calls,
        retries=asking.retries,
        rate_limited=asking.rate_limited,
        permits_thrown_away=thrown_away,
        reason=unanswered.reason,
    )
