"""One client of the fan-out benchmark, in a process of its own: `ours`, `engine`, `aiohttp` or `httpx`.

Asks the double at an argument's URL so many times, and prints calls, answers, wall and CPU seconds as JSON.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import aiohttp
import httpx

from yomawari.adapters.curl import CurlEngine
from yomawari.adapters.gate_fake import GateFake
from yomawari.adapters.line import LineProfiles
from yomawari.adapters.sqs_fake import AsyncQueueFake
from yomawari.adapters.ssm_fake import TokensFake
from yomawari.messages import MAX_CHUNK_SEEKERS, FriendCheckChunk
from yomawari.runtime import CALL_TIMEOUT_S, CONNECT_TIMEOUT_S, CONNECTIONS, now_us
from yomawari.usecases.check_friends import CheckFriends

IN_FLIGHT = 200
CHANNELS = 8
HEADERS = {"Authorization": "Bearer double-1-bench"}

Ask = Callable[[str], Awaitable[int]]


def _path(number: int) -> str:
    return f"/v2/bot/profile/U{number:032x}"


def _engine() -> CurlEngine:
    return CurlEngine(
        asyncio.get_running_loop(),
        connections=CONNECTIONS,
        connect_timeout_s=CONNECT_TIMEOUT_S,
        timeout_s=CALL_TIMEOUT_S,
        cleartext=True,
    )


async def ours(url: str, calls: int) -> int:
    """The whole use case: chunks of eight channels, paced by a gate in memory, eight chunks at a time."""
    engine, queues = _engine(), AsyncQueueFake()
    check = CheckFriends(
        gate=GateFake(),
        profiles=LineProfiles(engine, url),
        tokens=TokensFake({tenant: f"double-{tenant}-bench" for tenant in range(1, CHANNELS + 1)}),
        checks=queues,
        dead_letters=queues,
        writes=queues,
        clock=now_us,
        random=random.random,
    )

    async def channel(tenant: int) -> int:
        answered = 0
        for k in range(calls // CHANNELS // MAX_CHUNK_SEEKERS):
            checked = await check(_chunk(tenant, k), now_us() + 600_000_000)
            answered += checked.friends + checked.not_friends
        return answered

    answered = sum(await asyncio.gather(*(channel(tenant) for tenant in range(1, CHANNELS + 1))))
    engine.close()
    return answered


def _chunk(tenant: int, k: int) -> FriendCheckChunk:
    first = (tenant * 1_000 + k) * MAX_CHUNK_SEEKERS + 1
    seekers = [(number, f"U{number:032x}") for number in range(first, first + MAX_CHUNK_SEEKERS)]
    return FriendCheckChunk(run_id=202611220200, tenant_id=tenant, chunk=k, seekers=seekers)


async def engine(url: str, calls: int) -> int:
    """The bare HTTP engine, 600 calls in flight: what the use case is built on."""
    curl, headers = _engine(), ["Authorization: Bearer double-1-bench"]
    finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    numbers, answered = iter(range(1, calls + 1)), 0

    def done(status: int, _body: bytes) -> None:
        nonlocal answered
        answered += status in {200, 404}
        if (number := next(numbers, None)) is not None:
            curl.get(url + _path(number), headers, done)
        elif answered == calls:
            finished.set_result(None)

    for _ in range(600):
        curl.get(url + _path(next(numbers)), headers, done)
    await finished
    curl.close()
    return answered


@asynccontextmanager
async def _aiohttp(url: str) -> AsyncIterator[Ask]:
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with aiohttp.ClientSession(url, connector=connector, headers=HEADERS) as session:

        async def ask(path: str) -> int:
            async with session.get(path) as response:
                await response.json()
                return response.status

        yield ask


@asynccontextmanager
async def _httpx(url: str) -> AsyncIterator[Ask]:
    limits = httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60, headers=HEADERS) as client:

        async def ask(path: str) -> int:
            response = await client.get(path)
            response.json()
            return response.status_code

        yield ask


async def in_tasks(asking: Callable[[str], AbstractAsyncContextManager[Ask]], url: str, calls: int) -> int:
    """A client with a task for each of 200 calls in flight."""
    numbers = iter(range(1, calls + 1))
    async with asking(url) as ask:

        async def worker() -> int:
            return sum([await ask(_path(number)) in {200, 404} for number in numbers])

        return sum(await asyncio.gather(*(worker() for _ in range(IN_FLIGHT))))


CLIENTS: dict[str, Callable[[str, int], Awaitable[int]]] = {
    "ours": ours,
    "engine": engine,
    "aiohttp": partial(in_tasks, _aiohttp),
    "httpx": partial(in_tasks, _httpx),
}


async def main(client: str, url: str, calls: int) -> None:
    """Ask, and print what it took."""
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    answered = await CLIENTS[client](url, calls)
    wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    print(json.dumps({"calls": calls, "answered": answered, "wall_s": wall_s, "cpu_s": cpu_s}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
