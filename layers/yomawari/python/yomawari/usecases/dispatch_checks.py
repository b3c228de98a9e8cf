"""Start a nightly run, or a check outside the round: publish whom to ask, by chunks or by a sweep of their channel.

Two dispatches never overlap (the function's reserved concurrency is 1), but one may have died half-way: the next goes
on with the first tenant that was not wholly sent. A chunk or a sweep that is sent twice changes nothing.
"""

import logging
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Final

from yomawari.domain.chunks import Chunk, Seeker, chunks_of
from yomawari.domain.ways import ByFollowers, way_of
from yomawari.messages import CheckResults, FollowerSweep
from yomawari.usecases.conclude_run import ConcludeRun
from yomawari.usecases.ports import Account, DispatchStore, Outbox, Outgoing, Scope, TokenNames, WaitingTenant

log = logging.getLogger(__name__)

_MESSAGES_PER_SEND: Final = 10


@dataclass(frozen=True, slots=True)
class Dispatched:
    """What one dispatch sent; all zero when the run had been dispatched before."""

    tenants: int = 0
    seekers: int = 0
    chunks: int = 0
    skipped: int = 0
    sweeps: int = 0


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
        sweeps: Outbox,
        writes: Outbox,
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._outbox = outbox
        self._conclude = conclude
        self._clock = clock
        self._default_rate_per_s = default_rate_per_s
        self._sweeps = sweeps
        self._writes = writes

    def __call__(self, run_id: int, scope: Scope | None = None) -> Dispatched:
        """Send all tenants that are still waiting, or those that the scope names; memory stays flat at any size.

        Raises:
            Unavailable: something outside is away; call again to go on.
        """
        is_new = self._store.begin(run_id, self._clock(), scope)
        dispatched = self._dispatch(run_id, scope) if is_new else Dispatched()
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

    def _dispatch(self, run_id: int, scope: Scope | None) -> Dispatched:
        waiting = [one for one in self._store.waiting(run_id) if scope is None or one.tenant_id == scope.tenant_id]
        ready = self._skip_unaskable(run_id, waiting)
        named = scope is not None and bool(scope.seeker_ids)  # a few are asked one by one, whatever the channel may do
        swept = {} if named else self._send_sweeps(run_id, list(ready.values()))
        chunked = {tenant_id: tenant for tenant_id, tenant in ready.items() if tenant_id not in swept}
        accounts = self._store.named(scope) if named and scope else self._store.accounts(run_id, list(chunked))
        sent = self._send_chunks(run_id, chunked, accounts)
        self._store.all_sent(run_id, self._clock())
        seekers, chunks = (sum(counts) for counts in zip((0, 0), *sent, strict=True))
        return Dispatched(len(ready), seekers + sum(swept.values()), chunks, len(waiting) - len(ready), len(swept))

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

    def _send_sweeps(self, run_id: int, ready: list[WaitingTenant]) -> dict[int, int]:
        """Returns the number of job seekers of each tenant whose channel is asked for its followers.

        A sweep that cannot be had after all becomes chunks (usecases/sweep_followers.py).
        """
        ways = ((tenant, way_of(tenant.channel, self._clock())) for tenant in ready)
        swept = {
            tenant.tenant_id: FollowerSweep(
                run_id=run_id, tenant_id=tenant.tenant_id, rate_per_s=tenant.rate_per_s, probe=way.probe
            )
            for tenant, way in ways
            if isinstance(way, ByFollowers)
        }
        askable = self._store.askable(run_id, list(swept))
        for tenant_id, sweep in swept.items():
            self._sweeps.send([Outgoing(sweep.model_dump_json(), group=str(tenant_id))])
            self._store.sent(run_id, tenant_id, askable.get(tenant_id, 0), None)
        return {tenant_id: askable.get(tenant_id, 0) for tenant_id in swept}

    def _send_chunks(
        self, run_id: int, ready: dict[int, WaitingTenant], accounts: Generator[Account, None, None]
    ) -> list[tuple[int, int]]:
        """Returns the (job seekers, chunks) of each tenant."""
        sent: dict[int, tuple[int, int]] = {}
        if not ready:
            return []
        # Closed however this ends: left open it would keep its transaction for as long as anybody keeps the traceback.
        with closing(accounts):
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
            if len(batch) == _MESSAGES_PER_SEND:
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
