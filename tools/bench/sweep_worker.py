"""One way of asking, in a process of its own: `list` or `profile`, for the first so many tenants.

Prints job seekers, wall and CPU seconds and peak memory as JSON.
"""

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

import httpx

from tools.line_double.truth import token_for
from yomawari.adapters.curl import CurlEngine
from yomawari.adapters.curl_transport import CurlTransport
from yomawari.adapters.gate_fake import GateFake
from yomawari.adapters.line import LineProfiles
from yomawari.adapters.line_followers import LineFollowers
from yomawari.adapters.mysql.connection import Database, Session
from yomawari.adapters.mysql.sweeps import MySqlSweepStore
from yomawari.adapters.ssm_fake import TokensFake
from yomawari.adapters.sweep_states_fake import SweepStatesFake
from yomawari.domain.chunks import chunks_of
from yomawari.messages import CheckResults, FollowerSweep, FriendCheckChunk, Malformed, read
from yomawari.runtime import CALL_TIMEOUT_S, CONNECT_TIMEOUT_S, CONNECTIONS, now_us
from yomawari.usecases.check_friends import CheckFriends
from yomawari.usecases.ports import Outgoing
from yomawari.usecases.sweep_followers import SweepFollowers, SweepQueues

RUN: Final = 2026_11_20_02_00
_AN_HOUR_US: Final = 3_600_000_000


class Counting:
    """A queue that keeps nothing, so that the memory is the worker's; counts the job seekers in results."""

    def __init__(self) -> None:
        self.seekers = 0

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Count them."""
        for message in messages:
            results = read(CheckResults, message.body)
            if not isinstance(results, Malformed):
                self.seekers += len(results.friend) + len(results.not_friend) + len(results.invalid)


class Worker:
    """Both use cases over one engine and one database."""

    def __init__(self, url: str, tenants: int, database: Database) -> None:
        self.results = Counting()
        self.followers = 0
        self._store = MySqlSweepStore(Session(database), database)
        self._engine = CurlEngine(
            asyncio.get_running_loop(),
            connections=CONNECTIONS,
            connect_timeout_s=CONNECT_TIMEOUT_S,
            timeout_s=CALL_TIMEOUT_S,
            cleartext=True,
        )
        gate, tokens = GateFake(), TokensFake({one: token_for(str(one)) for one in range(1, tenants + 1)})
        outside: dict[str, Any] = {"gate": gate, "tokens": tokens, "clock": now_us, "random": random.random}
        self._sweep = SweepFollowers(
            lists=LineFollowers(httpx.AsyncClient(base_url=url, transport=CurlTransport(self._engine))),
            store=self._store,
            states=SweepStatesFake(),
            queues=SweepQueues(self.results, self.results, self.results, self.results),
            **outside,
        )
        self._check = CheckFriends(
            profiles=LineProfiles(self._engine, url),
            checks=self.results,
            dead_letters=self.results,
            writes=self.results,
            **outside,
        )

    async def by_list(self, tenant_id: int) -> None:
        """Sweep one channel."""
        sweep = FollowerSweep(run_id=RUN, tenant_id=tenant_id)
        swept = await self._sweep(sweep, now_us() + _AN_HOUR_US)
        self.followers += swept.followers

    async def by_profile(self, tenant_id: int) -> None:
        """Ask one channel's job seekers, three chunks at a time as a worker does."""
        own = self._store.seekers(RUN, tenant_id)
        chunks = [chunk.body for chunk in chunks_of(RUN, tenant_id, own, None, 1_860)]
        for first in range(0, len(chunks), 3):
            read_chunks = [FriendCheckChunk.model_validate_json(body) for body in chunks[first : first + 3]]
            await asyncio.gather(*(self._check(chunk, now_us() + _AN_HOUR_US) for chunk in read_chunks))

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()


async def main(way: str, url: str, tenants: int, at_once: int, database: Database) -> None:
    """Ask, and print what it took."""
    worker = Worker(url, tenants, database)
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    ask = worker.by_profile if way == "profile" else worker.by_list
    await _in_turn(ask, tenants, at_once)
    wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    worker.close()
    figures = {"wall_s": round(wall_s, 1), "cpu_s": round(cpu_s, 2), "peak_mb": round(_peak_mb(), 1)}
    print(json.dumps({"seekers": worker.results.seekers, "followers": worker.followers, **figures}))


def _peak_mb() -> float:
    """Of this process alone: getrusage counts what its parent had when it forked, which is a list of all ids."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


async def _in_turn(ask: Callable[[int], Coroutine[Any, Any, None]], tenants: int, at_once: int) -> None:
    turns = asyncio.Semaphore(at_once)

    async def one(tenant_id: int) -> None:
        async with turns:
            await ask(tenant_id)

    await asyncio.gather(*(one(tenant_id) for tenant_id in range(1, tenants + 1)))


if __name__ == "__main__":
    way, url, tenants, at_once, host, port, name, user, tls_ca = sys.argv[1:]
    here = Database(host, int(port), name, user, os.environ["BENCH_PASSWORD"], tls_ca)
    asyncio.run(main(way, url, int(tenants), int(at_once), here))
