"""What lives as long as a container of sweep_followers."""

import asyncio
import random
from functools import cache
from typing import Final

import httpx
from aiobotocore.config import AioConfig

from yomawari import config, runtime
from yomawari.adapters.curl import CurlEngine
from yomawari.adapters.curl_transport import CurlTransport
from yomawari.adapters.line_followers import LineFollowers
from yomawari.adapters.mysql.sweeps import MySqlSweepStore
from yomawari.adapters.sqs import AsyncQueue
from yomawari.adapters.sweep_states import S3SweepStates
from yomawari.usecases.sweep_followers import SweepFollowers, SweepQueues

PAGE_TIMEOUT_S: Final = 10.0
"""A page is a thousand ids, and there is one call at a time."""

CONNECTIONS: Final = 2


@cache
def sweep_followers() -> SweepFollowers:
    """The sweeper, on the container's loop."""
    return runtime.loop().run_until_complete(_sweep_followers(config.SweepSettings.read(), sweep_queues()))


@cache
def sweep_queues() -> SweepQueues:
    """Where a sweep's messages go."""
    settings = config.SweepSettings.read()
    sqs = runtime.loop().run_until_complete(runtime.async_client("sqs", AioConfig(**runtime.CLIENT_CONFIG)))
    return SweepQueues(
        sweeps=AsyncQueue(sqs, settings.sweeps_queue_url),
        dead_letters=AsyncQueue(sqs, settings.sweeps_dead_letters_url),
        checks=AsyncQueue(sqs, settings.friend_checks_queue_url),
        writes=AsyncQueue(sqs, settings.writes_queue_url),
    )


async def _sweep_followers(settings: config.SweepSettings, queues: SweepQueues) -> SweepFollowers:
    engine = CurlEngine(
        asyncio.get_running_loop(),
        connections=CONNECTIONS,
        connect_timeout_s=runtime.CONNECT_TIMEOUT_S,
        timeout_s=PAGE_TIMEOUT_S,
        cleartext=settings.line_base_url.startswith("http://"),
    )
    database = runtime.database_of(settings)
    s3 = await runtime.async_client("s3", AioConfig(**runtime.CLIENT_CONFIG))
    return SweepFollowers(
        gate=await runtime.gate(settings),
        lists=LineFollowers(httpx.AsyncClient(base_url=settings.line_base_url, transport=CurlTransport(engine))),
        tokens=await runtime.tokens(settings),
        store=MySqlSweepStore(runtime.Session(database), database),
        states=S3SweepStates(s3, settings.sweep_state_bucket),
        queues=queues,
        clock=runtime.now_us,
        random=random.random,
    )
