"""What lives as long as a container: the event loop, the clients, and the round's use cases built from them.

Lambda forbids async handlers, and a client made on one loop is useless on another, so there is one loop, made once
and never closed; Powertools' AsyncBatchProcessor finds it as the current one.
"""

import asyncio
import json
import logging
import random
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config

from yomawari import config
from yomawari.adapters.curl import CurlEngine
from yomawari.adapters.events import EventBus
from yomawari.adapters.gate import DynamoGate
from yomawari.adapters.line import LineProfiles
from yomawari.adapters.mysql.connection import Database, Session
from yomawari.adapters.mysql.dispatch import MySqlDispatchStore
from yomawari.adapters.mysql.ends import MySqlEndStore
from yomawari.adapters.mysql.reports import MySqlReportStore
from yomawari.adapters.mysql.settle import MySqlSettleStore
from yomawari.adapters.mysql.targets import MySqlTargetStore
from yomawari.adapters.sqs import AsyncQueue, Queue
from yomawari.adapters.ssm import TokenNames, Tokens
from yomawari.usecases.check_friends import CheckFriends
from yomawari.usecases.checking import CheckSettings
from yomawari.usecases.conclude_run import ConcludeRun
from yomawari.usecases.dispatch_checks import DispatchChecks
from yomawari.usecases.ports import AsyncOutbox, Outbox
from yomawari.usecases.record_targets import RecordTargets
from yomawari.usecases.report_run import ReportRun
from yomawari.usecases.write_results import WriteResults

# Calls share connections over HTTP/2 and need few; over HTTP/1.1, should LINE ever decline it, each needs its own.
# A function has 1,024 file descriptors.
CONNECTIONS = 600
CONNECT_TIMEOUT_S = 3.0
CALL_TIMEOUT_S = 5.0

# A lease that is not answered within two seconds has lost its slots anyway.
_GATE_CONFIG = AioConfig(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
CLIENT_CONFIG: dict[str, Any] = {
    "connect_timeout": 3,
    "read_timeout": 10,
    "retries": {"mode": "standard", "total_max_attempts": 4},
}


def now_us() -> int:
    """µs since the epoch."""
    return time.time_ns() // 1000


LOG = logging.getLogger("yomawari")
"""What the package itself logs; `logger` gives it the handlers' form."""


def logger() -> Logger:
    """The handler's logger; what the use cases log comes out in the same form, with the same keys."""
    made = Logger()
    copy_config_to_registered_loggers(made, include={LOG.name})
    return made


def add_counts(metrics: Metrics, counts: Mapping[str, int]) -> None:
    """A figure for each count, under its name as CloudWatch writes names: `rate_limited` is RateLimited."""
    for name, number in counts.items():
        metrics.add_metric(name.title().replace("_", ""), MetricUnit.Count, number)


@cache
def loop() -> asyncio.AbstractEventLoop:
    """The container's event loop."""
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    return made


@cache
def dispatch_checks() -> DispatchChecks:
    """The dispatcher; its reading and its writing connection are separate."""
    settings = config.DispatchSettings.read()
    database = database_of(settings)
    return DispatchChecks(
        MySqlDispatchStore(Session(database), database),
        TokenNames(client("ssm"), settings.token_path),
        Queue(client("sqs"), settings.friend_checks_queue_url),
        _conclude(database, settings.event_bus_name),
        now,
        CheckSettings().rate_per_s,
        sweeps=Queue(client("sqs"), settings.sweeps_queue_url),
        writes=Queue(client("sqs"), settings.writes_queue_url),
    )


@cache
def check_friends() -> CheckFriends:
    """The checker, on the container's loop."""
    return loop().run_until_complete(_check_friends(config.CheckSettings.read()))


@cache
def friend_checks_dead_letters() -> AsyncOutbox:
    """Where check_friends puts what it cannot read."""
    return async_queue(config.CheckSettings.read().friend_checks_dead_letters_url)


@cache
def write_results() -> WriteResults:
    """The writer of answers."""
    settings = config.WriteSettings.read()
    database = database_of(settings)
    return WriteResults(MySqlSettleStore(Session(database)), _conclude(database, settings.event_bus_name))


@cache
def record_targets() -> RecordTargets:
    """The writer of targets."""
    return RecordTargets(MySqlTargetStore(Session(database_of(config.WriteSettings.read()))), now)


@cache
def writes_dead_letters() -> Outbox:
    """Where write_results puts what it can never apply."""
    return Queue(client("sqs"), config.WriteSettings.read().writes_dead_letters_url)


@cache
def report_run() -> ReportRun:
    """The reader of runs."""
    return ReportRun(MySqlReportStore(Session(database_of(config.DatabaseSettings.read()))))


async def _check_friends(settings: config.CheckSettings) -> CheckFriends:
    sqs = await async_client("sqs", AioConfig(**CLIENT_CONFIG))
    return CheckFriends(
        gate=await gate(settings),
        profiles=LineProfiles(engine(settings), settings.line_base_url),
        tokens=await tokens(settings),
        checks=AsyncQueue(sqs, settings.friend_checks_queue_url),
        dead_letters=AsyncQueue(sqs, settings.friend_checks_dead_letters_url),
        writes=AsyncQueue(sqs, settings.writes_queue_url),
        clock=now_us,
        random=random.random,
        settings=CheckSettings(channels_at_once=settings.channels_at_once),
    )


def engine(settings: config.LineSettings) -> CurlEngine:
    """The connections to LINE; one for each function."""
    return CurlEngine(
        asyncio.get_running_loop(),
        connections=CONNECTIONS,
        connect_timeout_s=CONNECT_TIMEOUT_S,
        timeout_s=CALL_TIMEOUT_S,
        cleartext=settings.line_base_url.startswith("http://"),
    )


async def gate(settings: config.LineSettings) -> DynamoGate:
    """The rate gate."""
    return DynamoGate(await async_client("dynamodb", _GATE_CONFIG), settings.gate_table)


async def tokens(settings: config.LineSettings) -> Tokens:
    """The channels' access tokens."""
    return Tokens(await async_client("ssm", AioConfig(**CLIENT_CONFIG)), settings.token_path, time.monotonic)


def async_queue(url: str) -> AsyncQueue:
    """A queue for the container's loop, made outside of it."""
    return AsyncQueue(loop().run_until_complete(async_client("sqs", AioConfig(**CLIENT_CONFIG))), url)


def _conclude(database: Database, bus_name: str) -> ConcludeRun:
    return ConcludeRun(MySqlEndStore(Session(database)), EventBus(client("events"), bus_name), now)


def database_of(settings: config.DatabaseSettings) -> Database:
    """Where MySQL is, and this function's own user, whose password is read now."""
    stored = client("secretsmanager").get_secret_value(SecretId=settings.database_secret_arn)
    secret = json.loads(stored["SecretString"])
    return Database(
        settings.database_host,
        settings.database_port,
        settings.database_name,
        secret["username"],
        secret["password"],
        settings.database_tls_ca or None,
    )


def client(service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    """A client that blocks."""
    return boto3.client(service, config=Config(**CLIENT_CONFIG))


async def async_client(service: str, client_config: AioConfig) -> Any:  # noqa: ANN401 - as above
    """A client of the running loop, for the life of the container."""
    # The container ends without a word, so nothing ever leaves this context.
    return await AsyncExitStack().enter_async_context(get_session().create_client(service, config=client_config))


def now() -> datetime:
    """The time with its offset."""
    return datetime.now(UTC)
