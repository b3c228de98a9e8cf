"""The fake beside the MySQL stores of motivations: everything in memory, and the same contract tests."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from operator import attrgetter
from typing import Literal

from yomawari.domain.days import DayReport, SummaryReport
from yomawari.domain.deliveries import Claim
from yomawari.domain.motivations import (
    Audience,
    Change,
    ChangeKind,
    ChangerGone,
    Language,
    Motivation,
    NoSuchHistory,
    Notification,
    Recipient,
    TakenUp,
)
from yomawari.domain.summaries import Summary, aged, bounds_of, summary_of
from yomawari.usecases.motivation_ports import Recorded, Targets
from yomawari.usecases.ports import Refused


@dataclass
class UserRow:
    """A row of users."""

    display_name: str
    is_opted_out: bool = False
    is_deleted: bool = False


@dataclass
class EntryRow:
    """A job seeker with a LINE account."""

    tenant_id: int
    user_id: int
    line_user_id: str
    is_friend: bool = True


@dataclass(frozen=True)
class HistoryRow:
    """A row of either table of histories."""

    user_id: int
    motivation: Motivation
    changed_at: datetime


@dataclass
class MotivationsInMemory:
    """Every store about motivations; the tables are open to look into.

    `targets` holds created_at by (kind, history, user), `deliveries` the claims by (day, user), `entries` job seekers
    by id, `fixed` what was fixed of a change and when, `told_at` its notifications that are told, `days` the dispatched
    summaries' recipients; `audiences` counts the audience queries.
    """

    tenants: dict[int, tuple[Language, int | None]] = field(default_factory=dict)
    users: dict[int, UserRow] = field(default_factory=dict)
    entries: dict[int, EntryRow] = field(default_factory=dict)
    connections: set[tuple[int, int]] = field(default_factory=set)
    conditions: set[tuple[ChangeKind, Motivation, int]] = field(default_factory=set)
    histories: dict[tuple[ChangeKind, int], HistoryRow] = field(default_factory=dict)
    targets: dict[tuple[ChangeKind, int, int], datetime] = field(default_factory=dict)
    deliveries: dict[tuple[date, int], Claim] = field(default_factory=dict)
    fixed: dict[tuple[ChangeKind, int], tuple[datetime, tuple[Recipient, ...]]] = field(default_factory=dict)
    told_at: dict[tuple[ChangeKind, int, int], datetime] = field(default_factory=dict)
    days: dict[date, tuple[datetime, int]] = field(default_factory=dict)
    audiences: int = 0

    def audience(self, kind: ChangeKind, history_id: int, user_id: int) -> Audience | NoSuchHistory | ChangerGone:
        """The change and whom to tell, each person once; see the port for who that is."""
        row = self.histories.get((kind, history_id))
        if row is None or row.user_id != user_id:
            return NoSuchHistory()
        change = self._change(kind, history_id)
        if change is None:
            return ChangerGone()
        self.audiences += 1
        connected = {other for one, other in self.connections if one == user_id}
        scouts = {one for of_kind, wanted, one in self.conditions if (of_kind, wanted) == (kind, row.motivation)}
        return Audience(change, tuple(self._reachable((connected | scouts) - {user_id})))

    def take_up(
        self, kind: ChangeKind, history_id: int, user_id: int, now: datetime
    ) -> TakenUp | NoSuchHistory | ChangerGone:
        """Fix the change's audience, unless that was done before; and say what is not told yet."""
        row = self.histories.get((kind, history_id))
        if row is None or row.user_id != user_id:
            return NoSuchHistory()
        if (kind, history_id) not in self.fixed:
            audience = self.audience(kind, history_id, user_id)
            if not isinstance(audience, Audience):
                return audience
            self.fixed[kind, history_id] = now, audience.recipients
        change = self._change(kind, history_id)
        if change is None:
            return ChangerGone()
        fixed_at, recipients = self.fixed[kind, history_id]
        untold = tuple(
            Notification(tenant_id, self.tenants[tenant_id][0], _pairs(own), self.tenants[tenant_id][1])
            for tenant_id, own in groupby(recipients, key=attrgetter("tenant_id"))
            if (kind, history_id, tenant_id) not in self.told_at
        )
        return TakenUp(change, fixed_at, untold)

    def told(self, kind: ChangeKind, history_id: int, tenant_id: int, now: datetime) -> None:
        """LINE has answered for everybody on this channel."""
        self.told_at.setdefault((kind, history_id, tenant_id), now)

    def record(self, targets: Sequence[Targets]) -> list[Recorded | Refused]:
        """Write them all down; who is recorded already stays as they are."""
        return [self._record(one) for one in targets]

    def _record(self, one: Targets) -> Recorded | Refused:
        if (one.kind, one.history_id) not in self.histories:
            return Refused(f"no {one.kind} history {one.history_id}")
        for user_id in one.user_ids:
            self.targets.setdefault((one.kind, one.history_id, user_id), one.created_at)
        return Recorded(len(set(one.user_ids)))

    def summaries(self, day: date) -> Iterator[Summary]:
        """Stream everybody who was told something on that day, by user id; see the port for who is left out."""
        begins, ends = bounds_of(day)
        told: dict[int, list[Change]] = {}
        for (kind, history_id, user_id), created_at in self.targets.items():
            change = self._change(kind, history_id)
            if change is not None and begins <= created_at < ends:
                told.setdefault(user_id, []).append(change)
        for recipient in sorted(self._reachable(set(told)), key=lambda one: one.user_id):
            yield summary_of(recipient, map(aged, told[recipient.user_id]))

    def claim(self, day: date, tenant_id: int, user_ids: Sequence[int], now: datetime) -> Mapping[int, Claim]:
        """Claim those nobody has claimed; what the record then holds for each of them, by user id."""
        return {
            user_id: self.deliveries.setdefault((day, user_id), Claim(tenant_id, "claimed", now))
            for user_id in user_ids
        }

    def mark(
        self, day: date, tenant_id: int, user_ids: Sequence[int], state: Literal["sent", "rejected"], now: datetime
    ) -> int:
        """LINE accepted these, or knows none of them: note it where nothing is noted yet, and say for how many."""
        del now
        marked = {
            (day, user_id): Claim(tenant_id, state, claim.first_attempt_at)
            for user_id in user_ids
            if (claim := self.deliveries.get((day, user_id)))
            and (claim.tenant_id, claim.state) == (tenant_id, "claimed")
        }
        self.deliveries.update(marked)
        return len(marked)

    def dispatched(self, day: date, recipients: int, chunks: int, now: datetime) -> None:
        """All chunks of a day's summary are on the queue; said again, the last time counts."""
        del chunks
        self.days[day] = now, recipients

    def report(self, day: date) -> DayReport:
        """One day; all zero when nothing happened on it."""
        begins, ends = bounds_of(day)
        taken_up = {key: people for key, (fixed_at, people) in self.fixed.items() if begins <= fixed_at < ends}
        untold = Counter(
            tenant_id
            for key, people in taken_up.items()
            for tenant_id in {one.tenant_id for one in people}
            if (*key, tenant_id) not in self.told_at
        )
        recorded = sum(begins <= created_at < ends for created_at in self.targets.values())
        return DayReport(
            day=day, changes=len(taken_up), untold=dict(untold), recorded=recorded, summary=self._summary(day)
        )

    def _summary(self, day: date) -> SummaryReport:
        dispatched_at, recipients = self.days.get(day, (None, 0))
        claims = [claim for (of_day, _), claim in self.deliveries.items() if of_day == day]
        states = Counter(claim.state for claim in claims)
        return SummaryReport(
            dispatched_at=dispatched_at,
            recipients=recipients,
            sent=states["sent"],
            rejected=states["rejected"],
            claimed=dict(Counter(claim.tenant_id for claim in claims if claim.state == "claimed")),
        )

    def _change(self, kind: ChangeKind, history_id: int) -> Change | None:
        row = self.histories[kind, history_id]
        user = self.users[row.user_id]
        if user.is_deleted:
            return None
        return Change(kind, history_id, row.user_id, user.display_name, row.motivation, row.changed_at)

    def _reachable(self, user_ids: set[int]) -> list[Recipient]:
        """By (tenant, user): of each person's entries that are friends, the first by (tenant, job seeker)."""
        found: dict[int, Recipient] = {}
        for _, entry in sorted(self.entries.items(), key=lambda item: (item[1].tenant_id, item[0])):
            user = self.users.get(entry.user_id)
            if entry.user_id in user_ids and user and not (user.is_deleted or user.is_opted_out) and entry.is_friend:
                language, rate_per_s = self.tenants[entry.tenant_id]
                recipient = Recipient(entry.tenant_id, language, entry.user_id, entry.line_user_id, rate_per_s)
                found.setdefault(entry.user_id, recipient)
        return sorted(found.values(), key=lambda one: (one.tenant_id, one.user_id))


def _pairs(recipients: Iterable[Recipient]) -> tuple[tuple[int, str], ...]:
    return tuple((one.user_id, one.line_user_id) for one in recipients)
