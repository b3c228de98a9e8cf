"""Publish the summary of a day, from the record, in chunks per tenant.

Nothing is kept of how far a dispatch came: one that died is started again from the beginning, and one that is started
twice publishes everything twice. Sending is keyed and recorded per person and day (domain/deliveries.py), so neither
sends anything twice.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from yomawari.domain.summaries import Chunk, Summary, TenantChunks, require_closed
from yomawari.usecases.motivation_ports import SummaryStore
from yomawari.usecases.ports import Outbox, Outgoing

log = logging.getLogger(__name__)

_CHUNKS_PER_SEND = 10


@dataclass(frozen=True, slots=True)
class DispatchedSummaries:
    """What one dispatch sent."""

    tenants: int = 0
    recipients: int = 0
    changes: int = 0
    chunks: int = 0


class DispatchSummaries:
    """The use case behind dispatch_summaries; `clock` gives the time with its offset."""

    def __init__(
        self, store: SummaryStore, outbox: Outbox, clock: Callable[[], datetime], default_rate_per_s: int
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._clock = clock
        self._default_rate_per_s = default_rate_per_s

    def __call__(self, day: date, *, even_open: bool = False) -> DispatchedSummaries:
        """Send the chunks of one day; memory grows with the number of tenants (one open chunk each), not of people.

        A day that is still open is refused, for what is recorded for it later would be in no summary; `even_open` is
        for local stacks, where nobody waits for the morning.

        Raises:
            DayStillOpenError: something may still be recorded for this day; nothing was sent.
            Unavailable: something outside is away; call again to begin anew.
        """
        if not even_open:
            require_closed(day, self._clock())
        batch = _Batch(self._outbox)
        tenants: dict[int, TenantChunks] = {}
        recipients = changes = 0
        for summary in self._store.summaries(day):
            recipients += 1
            changes += summary.total
            batch.put(summary.recipient.tenant_id, self._chunks_of(tenants, day, summary).add(summary))
        for tenant_id, open_chunks in tenants.items():
            batch.put(tenant_id, open_chunks.close())
        batch.send()
        self._store.dispatched(day, recipients, batch.chunks, self._clock())
        if not recipients:
            log.info("nobody was told anything", extra={"day": day.isoformat()})
        return DispatchedSummaries(len(tenants), recipients, changes, batch.chunks)

    def _chunks_of(self, tenants: dict[int, TenantChunks], day: date, summary: Summary) -> TenantChunks:
        tenant_id = summary.recipient.tenant_id
        if tenant_id not in tenants:
            tenants[tenant_id] = TenantChunks(day, summary.recipient, self._default_rate_per_s)
        return tenants[tenant_id]


class _Batch:
    """Chunks on their way, ten to a request."""

    def __init__(self, outbox: Outbox) -> None:
        self.chunks = 0
        self._outbox = outbox
        self._waiting: list[Outgoing] = []

    def put(self, tenant_id: int, chunk: Chunk | None) -> None:
        if chunk is None:
            return
        self.chunks += 1
        self._waiting.append(Outgoing(chunk.body, delay_s=chunk.delay_s, group=str(tenant_id)))
        if len(self._waiting) == _CHUNKS_PER_SEND:
            self.send()

    def send(self) -> None:
        if self._waiting:
            self._outbox.send(self._waiting)
            self._waiting = []
