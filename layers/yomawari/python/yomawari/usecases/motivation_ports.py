"""What the use cases about motivations ask of the outside, as protocols (ports.py has the nightly round's)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

from yomawari.domain.days import DayReport
from yomawari.domain.deliveries import Claim
from yomawari.domain.motivations import Audience, ChangeKind, ChangerGone, NoSuchHistory, TakenUp
from yomawari.domain.summaries import Summary
from yomawari.usecases.ports import Refused


@dataclass(frozen=True, slots=True)
class Targets:
    """Who was told about one change, and the time to record them with."""

    kind: ChangeKind
    history_id: int
    user_ids: Sequence[int]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many targets one message named, each counted once; recorded now or before."""

    targets: int


class AudienceStore(Protocol):
    """Who is concerned by a change, now."""

    def audience(self, kind: ChangeKind, history_id: int, user_id: int) -> Audience | NoSuchHistory | ChangerGone:
        """The change and whom to tell, each person once; `user_id` is whose change the event says it is.

        They are the changer's connections and the recruiters with a scout condition that the new motivation meets;
        without the changer, without those who opted out or are deleted, and only who is a friend of some channel.
        The expensive step: one query per change, never asked for a summary.
        """
        ...


class NotificationStore(Protocol):
    """Which change is told to whom, through which channels, and through which it has been told."""

    def take_up(
        self, kind: ChangeKind, history_id: int, user_id: int, now: datetime
    ) -> TakenUp | NoSuchHistory | ChangerGone:
        """Fix the change's audience in one transaction, unless that was done before; and say what is not told yet.

        Of two that take up one change at once the first one's audience counts for both.
        """
        ...

    def told(self, kind: ChangeKind, history_id: int, tenant_id: int, now: datetime) -> None:
        """LINE has answered for everybody on this channel."""
        ...


class TargetStore(Protocol):
    """The record of who was told."""

    def record(self, targets: Sequence[Targets]) -> list[Recorded | Refused]:
        """Write them all down, in one transaction if nothing is refused; what became of each, in their order.

        Who is recorded already stays as they are. Targets of a history that does not exist are refused, they alone.
        """
        ...


class SummaryStore(Protocol):
    """The record as the summary reads it."""

    def summaries(self, day: date) -> Iterator[Summary]:
        """Stream everybody who was told something on that day, by user id, with what they were told.

        Channel, names and who is still there are those of now: who blocked every channel, opted out or is deleted is
        left out, and so are the changes of a deleted changer, and whoever has nothing left then. Raises Unavailable.
        """
        ...

    def dispatched(self, day: date, recipients: int, chunks: int, now: datetime) -> None:
        """All chunks of a day's summary are on the queue; said again, the last time counts."""
        ...


class DeliveryStore(Protocol):
    """Who got the summary of a day; domain/deliveries.py explains the protocol. Every call is a transaction."""

    def claim(self, day: date, tenant_id: int, user_ids: Sequence[int], now: datetime) -> Mapping[int, Claim]:
        """Claim those nobody has claimed; what the record then holds for each of them, by user id."""
        ...

    def mark(
        self, day: date, tenant_id: int, user_ids: Sequence[int], state: Literal["sent", "rejected"], now: datetime
    ) -> int:
        """LINE accepted these, or knows none of them: note it where nothing is noted yet, and say for how many."""
        ...


class DayReportStore(Protocol):
    """Reads how far a day's notifications have come."""

    def report(self, day: date) -> DayReport:
        """One day; all zero when nothing happened on it."""
        ...
