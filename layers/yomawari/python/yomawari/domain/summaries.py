"""The morning summary: which day it is about, what of the record belongs to it, and how it is cut into chunks. Pure."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from yomawari.domain.motivations import Change, Recipient
from yomawari.domain.runs import TOKYO, run_id_of

MAX_CHANGES: Final = 50
"""So many changes travel by name, the others as a number. More would be no message to read in the morning, and 50 of
the longest names still fit into one body."""

CHUNK_BYTES: Final = 64 * 1024
CHUNK_RECIPIENTS: Final = 500
MAX_DELAY_S: Final = 900
_FRAME_BYTES: Final = 512
"""More than a body holds beside its recipients, also once it has been given up with a reason."""

CLOSES_AT: Final = time(7)
"""When the record of the day before is closed, in Asia/Tokyo: before the summary is dispatched, which is at 08:00."""

SETTLING: Final = timedelta(minutes=5)
"""How long a writer may still be committing what it judged just before that: more than the 60 s that it lives at most,
and any clock's error."""


Aged = tuple[int, int, Change]
"""A change after a number for its age (larger is newer, no two are the same) and one for whose it is and its kind.

So a day's changes are prepared once, and each recipient's are sorted by comparing two numbers: with keys worked out at
each comparison this was the larger part of a summary's time.
"""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class DayStillOpenError(ValueError):
    """A day's record may still grow: what came after its summary would be in none, for its people have had theirs."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What one person was told about on one day: at most 50 changes, newest first, of `total`."""

    recipient: Recipient
    changes: tuple[Change, ...]
    total: int


def yesterday_of(scheduled_time: str) -> date:
    """The day before the scheduled time, in Asia/Tokyo.

    Args:
        scheduled_time: ISO 8601 with an offset, as EventBridge Scheduler writes it.

    Raises:
        BadScheduledTimeError: it is something else.
    """
    today = datetime.strptime(str(run_id_of(scheduled_time)), "%Y%m%d%H%M").replace(tzinfo=TOKYO).date()
    return today - timedelta(days=1)


def bounds_of(day: date) -> tuple[datetime, datetime]:
    """When the day begins and when the next one does, in Asia/Tokyo."""
    begins = datetime.combine(day, time(), TOKYO)
    return begins, begins + timedelta(days=1)


def closes_at(day: date) -> datetime:
    """From when on nothing more is recorded for a day."""
    return datetime.combine(day + timedelta(days=1), CLOSES_AT, TOKYO)


def require_closed(day: date, now: datetime) -> None:
    """Refuse to sum up a day to which something may still come.

    Raises:
        DayStillOpenError: the day is not over, or its record not closed; says from when on it is.
    """
    closed_from = closes_at(day) + SETTLING
    if now < closed_from:
        raise DayStillOpenError(
            f"{day} is still open: it can be summed up from {closed_from:%Y-%m-%d %H:%M} Tokyo time on"
        )


def recorded_as_of(told_at: datetime, now: datetime) -> datetime:
    """The time to record a target with: when they were told, unless the record of that day is closed by now.

    What is recorded too late for its own day's summary (the writer was down) belongs to the day on which it is
    recorded, so that no change is missing in the mornings, and a day that was summed up once never changes.
    """
    return min(told_at, now) if now < closes_at(told_at.astimezone(TOKYO).date()) else now


def aged(change: Change) -> Aged:
    """A change with its numbers: by time, then by id, then by kind; ids have 64 bits."""
    kind = int(change.kind == "side_job")
    age = (change.changed_at - _EPOCH) // _MICROSECOND
    return (age << 65 | change.history_id << 1 | kind), (change.user_id << 1 | kind), change


def latest(changes: Iterable[Aged]) -> list[Aged]:
    """Only the latest change per changer and kind, newest first."""
    oldest_first = sorted(changes)
    newest = {change[1]: change for change in oldest_first}
    return oldest_first[::-1] if len(newest) == len(oldest_first) else sorted(newest.values(), reverse=True)


def summary_of(recipient: Recipient, changes: Iterable[Aged]) -> Summary:
    """What this person is told of these changes."""
    named = latest(changes)
    return Summary(recipient, tuple([change for _, _, change in named[:MAX_CHANGES]]), len(named))


@dataclass(frozen=True, slots=True)
class Chunk:
    """One message's worth of recipients of a tenant: its body, how many they are, and how long the queue hides it."""

    body: str
    recipients: int
    delay_s: int


@dataclass(slots=True)
class TenantChunks:
    """Collects one tenant's recipients into chunks of at most 500 and 64 KB; holds one chunk's worth at a time.

    A chunk's delay is the time its channel needs for the ones before it. The bodies are built by hand, as in
    domain/chunks.py and for the same reason; a test holds them against the model SummaryChunk.
    """

    day: date
    first: Recipient
    default_rate_per_s: int
    _entries: list[str] = field(default_factory=list)
    _bytes: int = _FRAME_BYTES
    _chunks: int = 0
    _ahead: int = 0

    def add(self, summary: Summary) -> Chunk | None:
        """Take one more; the chunk that had to be closed to make room for it, if any."""
        entry = _encoded(summary)
        size_bytes = len(entry.encode()) + 1
        is_full = self._bytes + size_bytes > CHUNK_BYTES or len(self._entries) == CHUNK_RECIPIENTS
        closed = self.close() if is_full else None
        self._entries.append(entry)
        self._bytes += size_bytes
        return closed

    def close(self) -> Chunk | None:
        """The chunk of those taken since the last one; None when there are none."""
        if not self._entries:
            return None
        rate_per_s = self.first.rate_per_s or self.default_rate_per_s
        chunk = Chunk(self._body(), len(self._entries), min(MAX_DELAY_S, self._ahead // rate_per_s))
        self._ahead += len(self._entries)
        self._chunks += 1
        self._entries, self._bytes = [], _FRAME_BYTES
        return chunk

    def _body(self) -> str:
        frame = {
            "version": 1,
            "kind": "summary_chunk",
            "day": self.day.isoformat(),
            "tenant_id": self.first.tenant_id,
            "language": self.first.language,
            "rate_per_s": self.first.rate_per_s,
            "chunk": self._chunks,
            "attempt": 1,
        }
        return f'{_json(frame)[:-1]},"recipients":[{",".join(self._entries)}]}}'


def _encoded(summary: Summary) -> str:
    return _json(
        {
            "user_id": summary.recipient.user_id,
            "line_user_id": summary.recipient.line_user_id,
            "changes": [
                {"kind": change.kind, "name": change.name, "motivation": change.motivation}
                for change in summary.changes
            ],
            "total": summary.total,
        }
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
