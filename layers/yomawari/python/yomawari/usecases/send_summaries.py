"""Send the summaries of one chunk, each exactly once; domain/deliveries.py explains how that is kept."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from yomawari.domain.backoff import Attempts
from yomawari.domain.deliveries import Decision, decide
from yomawari.domain.gate import SECOND_US
from yomawari.domain.texts import Told as ToldChange
from yomawari.domain.texts import summary_text
from yomawari.messages import SummaryChunk, SummaryRecipient
from yomawari.usecases.follow_up import FollowUp, Sent, follow_up, sent
from yomawari.usecases.motivation_ports import DeliveryStore
from yomawari.usecases.ports import Aside, AsyncOutbox, Clock, Outgoing
from yomawari.usecases.pushing import Pushing


class SendSummaries:
    """The use case; one for the life of a container.

    Args:
        store: the record of deliveries; called aside, because it blocks.
        push: sends.
        summaries, dead_letters: the queues for chunks to come again, and chunks given up.
        aside: runs what blocks beside the event loop.
        clock: µs since the epoch.
        random: uniform in [0, 1).
    """

    def __init__(  # noqa: PLR0913 - one argument for each outside thing
        self,
        *,
        store: DeliveryStore,
        push: Pushing,
        summaries: AsyncOutbox,
        dead_letters: AsyncOutbox,
        aside: Aside,
        clock: Clock,
        random: Callable[[], float],
        attempts: Attempts | None = None,
    ) -> None:
        self._store = store
        self._push = push
        self._summaries = summaries
        self._dead_letters = dead_letters
        self._aside = aside
        self._clock = clock
        self._random = random
        self._attempts = attempts or Attempts()

    async def __call__(self, chunk: SummaryChunk, deadline_us: int) -> Sent:
        """Send to everybody of the chunk whom nobody has sent to, until `deadline_us`.

        Whoever is to be sent to ends in exactly one place: in the record, in a smaller chunk back on the queue, or in
        a dead-letter chunk with the reason.

        Raises:
            Unavailable: something outside is away; the chunk must be delivered again.
        """
        decisions = await self._decide(chunk)
        ours = [one for one in chunk.recipients if decisions[one.user_id] == "send"]
        told = await self._push.push_all(
            chunk.tenant_id,
            chunk.rate_per_s,
            [(one.user_id, one.line_user_id, _text(chunk, one)) for one in ours],
            ("summary", chunk.day.isoformat()),
            deadline_us,
        )
        await self._mark(chunk, told.accepted, "sent")
        await self._mark(chunk, told.rejected, "rejected")
        following = follow_up(told, chunk.attempt, self._attempts, self._random())
        await self._hand_on(chunk, following)
        states = list(decisions.values())
        return replace(
            sent(told, following),
            expired=states.count("expired"),
            passed_over=states.count("settled") + states.count("elsewhere"),
        )

    async def _decide(self, chunk: SummaryChunk) -> dict[int, Decision]:
        now = self._now()
        user_ids = [one.user_id for one in chunk.recipients]
        claims = await self._aside(partial(self._store.claim, chunk.day, chunk.tenant_id, user_ids, now))
        return {user_id: decide(claim, chunk.tenant_id, now) for user_id, claim in claims.items()}

    async def _mark(self, chunk: SummaryChunk, user_ids: list[int], state: Literal["sent", "rejected"]) -> None:
        if user_ids:
            mark = partial(self._store.mark, chunk.day, chunk.tenant_id, user_ids, state, self._now())
            await self._aside(mark)

    async def _hand_on(self, chunk: SummaryChunk, following: FollowUp) -> None:
        if following.failed:
            # A redriven chunk has all its attempts before it again.
            dead = _part(chunk, following.failed, attempt=1, reason=following.reason)
            await self._dead_letters.send([_outgoing(dead, 0)])
        later = []
        if following.again:
            again = _part(chunk, following.again, attempt=chunk.attempt + 1, reason=None)
            later.append(_outgoing(again, following.again_delay_s))
        if following.deferred:
            later.append(_outgoing(_part(chunk, following.deferred, reason=None), following.deferred_delay_s))
        await self._summaries.send(later)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock() / SECOND_US, UTC)


def _text(chunk: SummaryChunk, one: SummaryRecipient) -> str:
    changes = [ToldChange(change.kind, change.name, change.motivation) for change in one.changes]
    return summary_text(chunk.language, chunk.day, changes, one.total)


def _part(chunk: SummaryChunk, user_ids: Collection[int], **changed: int | str | None) -> SummaryChunk:
    wanted = set(user_ids)
    recipients = [one for one in chunk.recipients if one.user_id in wanted]
    return chunk.model_copy(update={"recipients": recipients, **changed})


def _outgoing(chunk: SummaryChunk, delay_s: int) -> Outgoing:
    attributes = {"reason": chunk.reason} if chunk.reason else None
    return Outgoing(chunk.model_dump_json(), delay_s=delay_s, group=str(chunk.tenant_id), attributes=attributes)
