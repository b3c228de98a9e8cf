"""Tell a change of motivation to its audience at once, and hand on who was told.

The audience is fixed before the first send and stays, so that every repeat is the same requests with the same retry
keys. What dies where is harmless: sent but not recorded, the repeat hears 409 and records; recorded but not noted as
told, the repeat records the same again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial, reduce
from operator import add

from yomawari.domain.backoff import Attempts
from yomawari.domain.deliveries import is_key_alive
from yomawari.domain.gate import SECOND_US
from yomawari.domain.motivations import ChangerGone, NoSuchHistory, Notification, TakenUp
from yomawari.domain.sends import split_recipients
from yomawari.domain.texts import Told as ToldChange
from yomawari.domain.texts import notification_text
from yomawari.messages import MAX_TARGETS, MotivationChanged, TargetsRecorded
from yomawari.usecases.follow_up import FollowUp, Sent, follow_up, sent
from yomawari.usecases.motivation_ports import NotificationStore
from yomawari.usecases.multicasting import Multicasting
from yomawari.usecases.ports import Aside, AsyncOutbox, Clock, Outgoing

NO_HISTORY = "no such history of this user"
EXPIRED = "taken up a day ago"


class NotifyChange:
    """The use case; one for the life of a container.

    Args:
        store: fixes audiences; called aside, because it blocks.
        multicast: sends.
        changes, dead_letters, writes: the queues for changes to come again, changes given up, and targets.
        aside: runs what blocks beside the event loop.
        clock: µs since the epoch.
        random: uniform in [0, 1).
    """

    def __init__(  # noqa: PLR0913 - one argument for each outside thing
        self,
        *,
        store: NotificationStore,
        multicast: Multicasting,
        changes: AsyncOutbox,
        dead_letters: AsyncOutbox,
        writes: AsyncOutbox,
        aside: Aside,
        clock: Clock,
        random: Callable[[], float],
        attempts: Attempts | None = None,
    ) -> None:
        self._store = store
        self._multicast = multicast
        self._changes = changes
        self._dead_letters = dead_letters
        self._writes = writes
        self._aside = aside
        self._clock = clock
        self._random = random
        self._attempts = attempts or Attempts()

    async def __call__(self, event: MotivationChanged, deadline_us: int) -> Sent | ChangerGone:
        """Tell everybody who is not told yet, through all channels at once, until `deadline_us`.

        Each channel ends in exactly one place: noted as told; as a message of its own back on the queue; as one in the
        dead-letter queue with the reason; or, a day after the audience was fixed, counted as expired and left as it is:
        it may have been told, and the retry keys may be forgotten. Weakness: also where certainly nothing was sent,
        because the channel was refused all day.

        Raises:
            Unavailable: something outside is away; the message must be delivered again.
        """
        key = (event.kind, event.history_id, event.user_id)
        found = await self._aside(partial(self._store.take_up, *key, self._now()))
        match found:
            case ChangerGone():
                return found
            case NoSuchHistory():
                return await self._wait_for_history(event)
            case TakenUp():
                return await self._tell_all(event, found, deadline_us)

    async def _wait_for_history(self, event: MotivationChanged) -> Sent:
        """The event may be here before the application's commit can be seen."""
        if event.attempt >= self._attempts.most:
            await self._give_up(event, NO_HISTORY)
            return Sent(failed=1, reason=NO_HISTORY)
        await self._again(event, event.attempt + 1, self._attempts.delay_s(event.attempt, self._random()))
        return Sent(again=1, reason=NO_HISTORY)

    async def _tell_all(self, event: MotivationChanged, change: TakenUp, deadline_us: int) -> Sent:
        untold = [one for one in change.untold if event.tenant_id in {None, one.tenant_id}]
        tellings = (self._tell(event, change, one, deadline_us) for one in untold)
        outcomes = await asyncio.gather(*tellings, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome  # only now, when no other channel is in the middle of anything
        return reduce(add, (outcome for outcome in outcomes if isinstance(outcome, Sent)), Sent())

    async def _tell(self, event: MotivationChanged, change: TakenUp, one: Notification, deadline_us: int) -> Sent:
        if not is_key_alive(change.fixed_at, self._now()):
            return Sent(expired=len(one.recipients), reason=EXPIRED)
        own = event.model_copy(update={"tenant_id": one.tenant_id})
        told = await self._multicast.send(
            one.tenant_id,
            one.rate_per_s,
            one.recipients,
            notification_text(one.language, _told(change)),
            ("motivation", event.kind, event.history_id),
            deadline_us,
        )
        await self._record(event, one.tenant_id, told.accepted)
        following = follow_up(told, event.attempt, self._attempts, self._random())
        await self._place(own, following)
        outcome = sent(told, following)
        # Whoever is still to be told is told with the whole list again, and who is rejected, counted then.
        return replace(outcome, rejected=0) if following.again or following.deferred else outcome

    async def _record(self, event: MotivationChanged, tenant_id: int, user_ids: list[int]) -> None:
        messages = [
            TargetsRecorded(
                tenant_id=tenant_id,
                change_kind=event.kind,
                history_id=event.history_id,
                user_ids=list(some),
                told_at=self._now(),
            )
            for some in split_recipients(sorted(user_ids), MAX_TARGETS)
        ]
        if messages:
            group = str(tenant_id)
            await self._writes.send([Outgoing(message.model_dump_json(), group=group) for message in messages])

    async def _place(self, own: MotivationChanged, following: FollowUp) -> None:
        """A repeat is for the whole channel, since other recipients would have another key; so one place is enough."""
        if following.failed:
            await self._give_up(own, following.reason or "")
        elif following.again:
            await self._again(own, own.attempt + 1, following.again_delay_s)
        elif following.deferred:
            await self._again(own, own.attempt, following.deferred_delay_s)
        else:
            told = partial(self._store.told, own.kind, own.history_id, own.tenant_id or 0, self._now())
            await self._aside(told)

    async def _again(self, event: MotivationChanged, attempt: int, delay_s: int) -> None:
        again = event.model_copy(update={"attempt": attempt, "reason": None})
        await self._changes.send([_outgoing(again, delay_s)])

    async def _give_up(self, event: MotivationChanged, reason: str) -> None:
        """A redriven message has all its attempts before it again."""
        dead = event.model_copy(update={"attempt": 1, "reason": reason})
        await self._dead_letters.send([_outgoing(dead, 0)])

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock() / SECOND_US, UTC)


def _told(change: TakenUp) -> ToldChange:
    return ToldChange(change.change.kind, change.change.name, change.change.motivation)


def _outgoing(event: MotivationChanged, delay_s: int) -> Outgoing:
    group = None if event.tenant_id is None else str(event.tenant_id)
    attributes = {"reason": event.reason} if event.reason else None
    return Outgoing(event.model_dump_json(), delay_s=delay_s, group=group, attributes=attributes)
