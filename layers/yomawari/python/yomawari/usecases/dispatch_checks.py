"""Start a nightly run: publish every tenant's job seekers in chunks.

Two dispatches never overlap (the function's reserved concurrency is 1), but one may have died half-way: the next goes
on with the first tenant whose chunks were not all sent. A chunk that is sent twice changes nothing.
"""

import logging
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from yomawari.domain.chunks import Chunk, Seeker, chunks_of
from yomawari.messages import CheckResults
from yomawari.usecases.conclude_run import ConcludeRun
from yomawari.usecases.ports import DispatchStore, Outbox, Outgoing, TokenNames, WaitingTenant

log = logging.getLogger(__name__)

_CHUNKS_PER_SEND = 10


@dataclass(frozen=True, slots=True)
class Dispatched:
    """What one dispatch sent; all zero when the run had been dispatched before."""

    tenants: int = 0
    seekers: int = 0
    chunks: int = 0
    skipped: int = 0


class DispatchChecks:
    """The use case behind dispatch_checks; `clock` gives the time with its offset."""

    def __init__(  # noqa: PLR0913, PLR0917 - one argument per port
        self,
        store: DispatchStore,
        tokens: TokenNames,
        outbox: Outbox,
        conclude: ConcludeRun,
        clock: Callable[[], datetime],
        default_rate_per_s: int,
        *,
        writes: Outbox,
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._outbox = outbox
        self._conclude = conclude
        self._clock = clock
        self._default_rate_per_s = default_rate_per_s
        self._writes = writes

    def __call__(self, run_id: int) -> Dispatched:
        """Send the chunks of all tenants that are still waiting; memory stays flat at any size.

        Raises:
            Unavailable: something outside is away; call again to go on.
        """
        dispatched = self._dispatch(run_id) if self._store.begin(run_id, self._clock()) else Dispatched()
        if dispatched == Dispatched():
            log.info("nothing to dispatch", extra={"run_id": run_id})
        self._have_judged(run_id)
        self._conclude(run_id)
        return dispatched

    def _have_judged(self, run_id: int) -> None:
        """Results of nobody make the writer look at a tenant once more: its last answer came before it was counted."""
        looks = [
            CheckResults(run_id=run_id, tenant_id=tenant_id, observed_at=self._clock())
            for tenant_id in self._store.unjudged(run_id)
        ]
        self._writes.send([Outgoing(look.model_dump_json()) for look in looks])

    def _dispatch(self, run_id: int) -> Dispatched:
        waiting = self._store.waiting(run_id)
        ready = self._skip_unaskable(run_id, waiting)
        sent = self._send_all(run_id, ready)
        self._store.all_sent(run_id, self._clock())
        seekers, chunks = (sum(counts) for counts in zip((0, 0), *sent, strict=True))
        return Dispatched(len(sent), seekers, chunks, len(waiting) - len(ready))

    def _skip_unaskable(self, run_id: int, waiting: list[WaitingTenant]) -> dict[int, WaitingTenant]:
        with_token = self._tokens.tenants_with_token()
        ready = {}
        for tenant in waiting:
            reason = _why_unaskable(tenant, with_token)
            if reason is None:
                ready[tenant.tenant_id] = tenant
            else:
                self._store.skip(run_id, tenant.tenant_id, reason)
                log.warning("tenant skipped: %s", reason, extra={"run_id": run_id, "tenant_id": tenant.tenant_id})
        return ready

    def _send_all(self, run_id: int, ready: dict[int, WaitingTenant]) -> list[tuple[int, int]]:
        """Returns the (job seekers, chunks) of each tenant."""
        sent: dict[int, tuple[int, int]] = {}
        if not ready:
            return []
        # Closed however this ends: left open it would keep its transaction for as long as anybody keeps the traceback.
        with closing(self._store.accounts(run_id, list(ready))) as accounts:
            for tenant_id, own in groupby(accounts, key=itemgetter(0)):
                sent[tenant_id] = self._send(run_id, ready[tenant_id], (account[1:] for account in own))
        for tenant_id in ready.keys() - sent.keys():
            sent[tenant_id] = self._send(run_id, ready[tenant_id], ())
        return list(sent.values())

    def _send(self, run_id: int, tenant: WaitingTenant, seekers: Iterable[Seeker]) -> tuple[int, int]:
        chunks = chunks_of(run_id, tenant.tenant_id, seekers, tenant.rate_per_s, self._default_rate_per_s)
        group = str(tenant.tenant_id)
        counts: list[int] = []
        batch: list[Outgoing] = []
        for chunk in chunks:
            counts.append(chunk.seekers)
            batch.append(_outgoing(chunk, group))
            if len(batch) == _CHUNKS_PER_SEND:
                self._outbox.send(batch)
                batch = []
        if batch:
            self._outbox.send(batch)
        self._store.sent(run_id, tenant.tenant_id, sum(counts), len(counts))
        return sum(counts), len(counts)


def _why_unaskable(tenant: WaitingTenant, with_token: set[int]) -> str | None:
    if not tenant.has_channel:
        return "no channel"
    return None if tenant.tenant_id in with_token else "no token"


def _outgoing(chunk: Chunk, group: str) -> Outgoing:
    return Outgoing(chunk.body, delay_s=chunk.delay_s, group=group)
