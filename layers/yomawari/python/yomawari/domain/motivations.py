"""Motivation changes and whom they concern, as plain values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

ChangeKind = Literal["job_change", "side_job"]
Motivation = Literal["none", "open", "considering", "active"]
Language = Literal["ja", "en"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one person's motivation, as it is told to others; `user_id` and `name` are the changer's."""

    kind: ChangeKind
    history_id: int
    user_id: int
    name: str
    motivation: Motivation
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who can be reached, and through which one channel.

    Of the channels whose friend a person is, theirs is that of the lowest tenant id, and there the job seeker with the
    lowest id: a rule that needs no memory and gives two messages of one day the same way as long as nothing changes.
    `rate_per_s` None means the channel has no lowered rate.
    """

    tenant_id: int
    language: Language
    user_id: int
    line_user_id: str
    rate_per_s: int | None = None


@dataclass(frozen=True, slots=True)
class Audience:
    """A change and those to tell, by (tenant, user), each person once; nobody is a proper answer."""

    change: Change
    recipients: tuple[Recipient, ...]


@dataclass(frozen=True, slots=True)
class Notification:
    """A change as it is to be told through one channel, to (user id, LINE user id) by user id."""

    tenant_id: int
    language: Language
    recipients: tuple[tuple[int, str], ...]
    rate_per_s: int | None = None


@dataclass(frozen=True, slots=True)
class TakenUp:
    """A change whose audience was fixed at `fixed_at`, and those of its notifications that are not told yet.

    What is fixed never changes: a repeat that named other people to LINE would be another request with another retry
    key, and those in both would be told twice.
    """

    change: Change
    fixed_at: datetime
    untold: tuple[Notification, ...]


@dataclass(frozen=True, slots=True)
class NoSuchHistory:
    """There is no such change: it was never committed, or is no longer there, or is another person's."""


@dataclass(frozen=True, slots=True)
class ChangerGone:
    """Whose change it is has been deleted since: nobody is told any more."""
