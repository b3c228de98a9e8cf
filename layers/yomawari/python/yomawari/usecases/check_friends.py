"""Ask LINE about the job seekers of one chunk, at the channel's pace, and hand the answers on."""

from collections.abc import Callable
from datetime import UTC, datetime

from yomawari.domain.gate import SECOND_US
from yomawari.messages import CheckResults, FriendCheckChunk
from yomawari.usecases.asking import Asking
from yomawari.usecases.channel_access import ChannelAccess, Refused, Stopped
from yomawari.usecases.checking import Checked, CheckSettings, Unanswered
from yomawari.usecases.pacing import Pacing
from yomawari.usecases.ports import AsyncOutbox, Clock, Outgoing, Profiles, RateGate, Tokens


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
        self._profiles = profiles
        self._checks = checks
        self._dead_letters = dead_letters
        self._writes = writes
        self._clock = clock
        self._random = random
        self._settings = settings or CheckSettings()
        self._channels = ChannelAccess(
            "profile", self._settings, gate=gate, tokens=tokens, clock=clock, random=random, pacing=pacing or Pacing()
        )

    async def __call__(self, chunk: FriendCheckChunk, deadline_us: int) -> Checked:
        """Ask about every job seeker of the chunk until `deadline_us`, and send on what was learnt.

        Whatever happens, each job seeker ends in exactly one place: in a results message, in a smaller chunk back on
        the queue, or in a dead-letter chunk with the reason. Results are sent first, so a crash in between repeats
        work but loses nothing.

        Raises:
            Unavailable: what was learnt could not be sent; the chunk must be delivered again.
        """
        asking = Asking(
            chunk.seekers, self._profiles, window=self._settings.window, clock=self._clock, random=self._random
        )
        started_us = self._clock()
        stopped, thrown_away = await self._channels.serve(asking, chunk.tenant_id, chunk.rate_per_s, deadline_us)
        unanswered = self._place(chunk.attempt, asking, stopped)
        await self._hand_on(chunk, asking, unanswered, started_us)
        return _checked(asking, unanswered, thrown_away)

    def _place(self, attempt: int, asking: Asking, stopped: Stopped | None) -> Unanswered:
        """Decide for everyone without an answer: fail, ask again after a growing delay, or just defer."""
        left, unknown = asking.left(), asking.unknown
        if isinstance(stopped, Refused):
            return Unanswered(failed=left + unknown, reason=stopped.reason, closed=stopped.reason)
        if stopped is None:
            left, unknown = [], unknown + left
        is_last = attempt >= self._settings.attempts.most
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
            delay_s = self._settings.attempts.delay_s(chunk.attempt, self._random())
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
