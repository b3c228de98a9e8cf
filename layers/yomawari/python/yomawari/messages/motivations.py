"""Changes of motivation, who was told, and summaries."""

from datetime import date
from typing import Annotated, Final, Literal

from pydantic import Field

from yomawari.domain.motivations import ChangeKind, Language, Motivation
from yomawari.domain.summaries import CHUNK_RECIPIENTS, MAX_CHANGES
from yomawari.messages.base import AnyId, LineUserId, Message, Moment, TenantId

MAX_TARGETS: Final = 3_000
"""So many ids of 20 digits, the longest there are, fit into one body."""


class MotivationChanged(Message):
    """On the event bus, by the application: somebody's motivation is another now. `kind` is which of the two.

    The rest is set only on what notify_change itself puts back: the one channel through which the change is still to
    be told, how often that was tried without an answer, and, in the dead-letter queue, why it was given up.
    """

    version: Literal[1] = 1
    kind: ChangeKind
    history_id: AnyId
    user_id: AnyId
    occurred_at: Moment
    tenant_id: TenantId | None = None
    attempt: Annotated[int, Field(ge=1)] = 1
    reason: str | None = None


class TargetsRecorded(Message):
    """Whom LINE accepted the message about one change for, on a tenant's channel at `told_at`; no LINE ids."""

    version: Literal[1] = 1
    kind: Literal["targets_recorded"] = "targets_recorded"
    tenant_id: TenantId
    change_kind: ChangeKind
    history_id: AnyId
    user_ids: Annotated[list[AnyId], Field(min_length=1, max_length=MAX_TARGETS)]
    told_at: Moment


class SummaryChange(Message):
    """One change as a summary tells it; `name` is the changer's."""

    kind: ChangeKind
    name: Annotated[str, Field(max_length=100)]
    motivation: Motivation


class SummaryRecipient(Message):
    """One person's summary: the changes that may be named, newest first, of `total`."""

    user_id: AnyId
    line_user_id: LineUserId
    changes: Annotated[list[SummaryChange], Field(min_length=1, max_length=MAX_CHANGES)]
    total: Annotated[int, Field(gt=0)]


class SummaryChunk(Message):
    """Up to 500 people of one tenant's channel and what each was told about on `day` (a day of Asia/Tokyo).

    Sending is keyed by day, tenant and user, not by `chunk`: a second dispatch may cut the same people otherwise.
    `attempt` counts how often LINE failed to answer for these people; `reason` is set only on a chunk that was given
    up and lies in the dead-letter queue.
    """

    version: Literal[1] = 1
    kind: Literal["summary_chunk"] = "summary_chunk"
    day: date
    tenant_id: TenantId
    language: Language
    rate_per_s: Annotated[int, Field(ge=1, le=2_000)] | None = None
    chunk: Annotated[int, Field(ge=0)]
    attempt: Annotated[int, Field(ge=1)] = 1
    recipients: Annotated[list[SummaryRecipient], Field(min_length=1, max_length=CHUNK_RECIPIENTS)]
    reason: str | None = None
