"""What lives as long as a container of the functions about motivations."""

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import httpx
from aiobotocore.config import AioConfig

from yomawari import config, runtime
from yomawari.adapters.curl_transport import CurlTransport
from yomawari.adapters.line_messages import LineMessages
from yomawari.adapters.mysql.days import MySqlDayReportStore
from yomawari.adapters.mysql.deliveries import MySqlDeliveryStore
from yomawari.adapters.mysql.notifications import MySqlNotificationStore
from yomawari.adapters.mysql.summaries import MySqlSummaryStore
from yomawari.adapters.sqs import AsyncQueue, Queue
from yomawari.usecases.dispatch_summaries import DispatchSummaries
from yomawari.usecases.motivation_ports import DayReportStore
from yomawari.usecases.multicasting import Multicasting
from yomawari.usecases.notify_change import NotifyChange
from yomawari.usecases.ports import AsyncOutbox
from yomawari.usecases.pushing import PUSH, Pushing
from yomawari.usecases.send_summaries import SendSummaries

T = TypeVar("T")


@cache
def notify_change() -> NotifyChange:
    """The teller of changes, on the container's loop."""
    return runtime.loop().run_until_complete(_notify_change(config.NotifySettings.read()))


@cache
def motivation_changes_dead_letters() -> AsyncOutbox:
    """Where notify_change puts what it cannot read."""
    return runtime.async_queue(config.NotifySettings.read().motivation_changes_dead_letters_url)


@cache
def dispatch_summaries() -> DispatchSummaries:
    """The dispatcher of summaries; it looks up on one connection and reads on others."""
    settings = config.SummaryDispatchSettings.read()
    database = runtime.database_of(settings)
    return DispatchSummaries(
        MySqlSummaryStore(runtime.Session(database), database),
        Queue(runtime.client("sqs"), settings.summaries_queue_url),
        runtime.now,
        PUSH.rate_per_s,
    )


@cache
def send_summaries() -> SendSummaries:
    """The sender of summaries, on the container's loop."""
    return runtime.loop().run_until_complete(_send_summaries(config.SummarySendSettings.read()))


@cache
def summaries_dead_letters() -> AsyncOutbox:
    """Where send_summaries puts what it cannot read."""
    return runtime.async_queue(config.SummarySendSettings.read().summaries_dead_letters_url)


@cache
def report_day() -> DayReportStore:
    """The reader of a day's notifications."""
    return MySqlDayReportStore(runtime.Session(runtime.database_of(config.DatabaseSettings.read())))


async def _notify_change(settings: config.NotifySettings) -> NotifyChange:
    sqs = await runtime.async_client("sqs", AioConfig(**runtime.CLIENT_CONFIG))
    return NotifyChange(
        store=MySqlNotificationStore(runtime.Session(runtime.database_of(settings))),
        multicast=Multicasting(
            gate=await runtime.gate(settings),
            messages=_messages(settings),
            tokens=await runtime.tokens(settings),
            clock=runtime.now_us,
            random=random.random,
        ),
        changes=AsyncQueue(sqs, settings.motivation_changes_queue_url),
        dead_letters=AsyncQueue(sqs, settings.motivation_changes_dead_letters_url),
        writes=AsyncQueue(sqs, settings.writes_queue_url),
        aside=_Aside(),
        clock=runtime.now_us,
        random=random.random,
    )


async def _send_summaries(settings: config.SummarySendSettings) -> SendSummaries:
    sqs = await runtime.async_client("sqs", AioConfig(**runtime.CLIENT_CONFIG))
    return SendSummaries(
        store=MySqlDeliveryStore(runtime.Session(runtime.database_of(settings))),
        push=Pushing(
            gate=await runtime.gate(settings),
            messages=_messages(settings),
            tokens=await runtime.tokens(settings),
            clock=runtime.now_us,
            random=random.random,
        ),
        summaries=AsyncQueue(sqs, settings.summaries_queue_url),
        dead_letters=AsyncQueue(sqs, settings.summaries_dead_letters_url),
        aside=_Aside(),
        clock=runtime.now_us,
        random=random.random,
    )


class _Aside:
    """One thread, so that a session's connection is never used by two at once."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)

    async def __call__(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _messages(settings: config.LineSettings) -> LineMessages:
    return LineMessages(
        httpx.AsyncClient(transport=CurlTransport(runtime.engine(settings)), base_url=settings.line_base_url)
    )
