"""What lives as long as a container: the event loop, the clients, and the use cases built from them.

Lambda forbids async handlers, and a client made on one loop is useless on another, so there is one loop, made once
and never closed; Powertools' AsyncBatchProcessor finds it as the current one.
"""

import asyncio
import json
import logging
import random
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
import httpx
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from botocore.config import Config

from yomawari import config
from yomawari.adapters.curl import CurlEngine
from yomawari.adapters.curl_transport import CurlTransport
from yomawari.adapters.events import EventBus
from yomawari.adapters.gate import DynamoGate
from yomawari.adapters.line import LineProfiles
from yomawari.adapters.line_followers import LineFollowers
from yomawari.adapters.mysql.connection import Database, Session
from yomawari.adapters.mysql.dispatch import MySqlDispatchStore
from yomawari.adapters.mysql.ends import MySqlEndStore
from yomawari.adapters.mysql.reports import MySqlReportStore
from yomawari.adapters.mysql.settle import MySqlSettleStore
from yomawari.adapters.mysql.sweeps import MySqlSweepStore
from yomawari.adapters.mysql.targets import MySqlTargetStore
from yomawari.adapters.sqs import AsyncQueue, Queue
from yomawari.adapters.ssm import TokenNames, Tokens
from yomawari.adapters.sweep_states import S3SweepStates
from yomawari.usecases.check_friends import CheckFriends
from yomawari.usecases.checking import CheckSettings
from yomawari.usecases.conclude_run import ConcludeRun
from yomawari.usecases.dispatch_checks import DispatchChecks
from yomawari.usecases.ports import AsyncOutbox, Outbox
from yomawari.usecases.record_targets import RecordTargets
from yomawari.usecases.report_run import ReportRun
from yomawari.usecases.sweep_followers import SweepFollowers, SweepQueues
from yomawari.usecases.write_results import WriteResults

# Calls share connections over HTTP/2 and need few; over HTTP/1.1, should LINE ever decline it, each needs its own.
# A function has 1,024 file descriptors.
CONNECTIONS = 600
CONNECT_TIMEOUT_S = 3.0
CALL_TIMEOUT_S = 5.0
PAGE_TIMEOUT_S = 10.0  # a page is a thousand ids, and there is one call at a time
SWEEP_CONNECTIONS = 2

# A lease that is not answered within two seconds has lost its slots anyway.
_GATE_CONFIG = AioConfig(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
_CONFIG: dict[str, Any] = {
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


@cache
def loop() -> asyncio.AbstractEventLoop:
    """The container's event loop."""
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    return made


@cache
def dispatch_checks() -> DispatchChecks:
    """The dispatcher; its reading and its writing connection are separate."""
    settings = config.dispatch_settings()
    database = _database(settings.database)
    return DispatchChecks(
        MySqlDispatchStore(Session(database), database),
        TokenNames(_client("ssm"), settings.token_path),
        Queue(_client("sqs"), settings.friend_checks_queue_url),
        _conclude(database, settings.event_bus_name),
        _now,
        CheckSettings().rate_per_s,
        sweeps=Queue(_client("sqs"), settings.sweeps_queue_url),
        writes=Queue(_client("sqs"), settings.writes_queue_url),
    )


@cache
def check_friends() -> CheckFriends:
    """The checker, on the container's loop."""
    return loop().run_until_complete(_check_friends(config.check_settings()))


@cache
def friend_checks_dead_letters() -> AsyncOutbox:
    """Where check_friends puts what it cannot read."""
    url = config.check_settings().friend_checks_dead_letters_url
    return AsyncQueue(loop().run_until_complete(_async_client("sqs", AioConfig(**_CONFIG))), url)


@cache
def write_results() -> WriteResults:
    """The writer of answers."""
    settings = config.write_settings()
    database = _database(settings.database)
    return WriteResults(MySqlSettleStore(Session(database)), _conclude(database, settings.event_bus_name))


@cache
def record_targets() -> RecordTargets:
    """The writer of targets."""
    return RecordTargets(MySqlTargetStore(Session(_database(config.write_settings().database))), _now)


@cache
def writes_dead_letters() -> Outbox:
    """Where write_results puts what it can never apply."""
    return Queue(_client("sqs"), config.write_settings().writes_dead_letters_url)


@cache
def report_run() -> ReportRun:
    """The reader of runs."""
    return ReportRun(MySqlReportStore(Session(_database(config.database_settings()))))


@cache
def sweep_followers() -> SweepFollowers:
    """The sweeper, on the container's loop."""
    return loop().run_until_complete(_sweep_followers(config.sweep_settings(), sweep_queues()))


@cache
def sweep_queues() -> SweepQueues:
    """Where a sweep's messages go."""
    settings = config.sweep_settings()
    sqs = loop().run_until_complete(_async_client("sqs", AioConfig(**_CONFIG)))
    return SweepQueues(
        sweeps=AsyncQueue(sqs, settings.sweeps_queue_url),
        dead_letters=AsyncQueue(sqs, settings.sweeps_dead_letters_url),
        checks=AsyncQueue(sqs, settings.friend_checks_queue_url),
        writes=AsyncQueue(sqs, settings.writes_queue_url),
    )


async def _sweep_followers(settings: config.SweepSettings, queues: SweepQueues) -> SweepFollowers:
    engine = CurlEngine(
        asyncio.get_running_loop(),
        connections=SWEEP_CONNECTIONS,
        connect_timeout_s=CONNECT_TIMEOUT_S,
        timeout_s=PAGE_TIMEOUT_S,
        cleartext=settings.line_base_url.startswith("http://"),
    )
    line = httpx.AsyncClient(base_url=settings.line_base_url, transport=CurlTransport(engine))
    database = _database(settings.database)
    return SweepFollowers(
        gate=DynamoGate(await _async_client("dynamodb", _GATE_CONFIG), settings.gate_table),
        lists=LineFollowers(line),
        tokens=Tokens(await _async_client("ssm", AioConfig(**_CONFIG)), settings.token_path, time.monotonic),
        store=MySqlSweepStore(Session(database), database),
        states=S3SweepStates(await _async_client("s3", AioConfig(**_CONFIG)), settings.state_bucket),
        queues=queues,
        clock=now_us,
        random=random.random,
    )


async def _check_friends(settings: config.CheckSettings) -> CheckFriends:
    sqs = await _async_client("sqs", AioConfig(**_CONFIG))
    engine = CurlEngine(
        asyncio.get_running_loop(),
        connections=CONNECTIONS,
        connect_timeout_s=CONNECT_TIMEOUT_S,
        timeout_s=CALL_TIMEOUT_S,
        cleartext=settings.line_base_url.startswith("http://"),
    )
    return CheckFriends(
        gate=DynamoGate(await _async_client("dynamodb", _GATE_CONFIG), settings.gate_table),
        profiles=LineProfiles(engine, settings.line_base_url),
        tokens=Tokens(await _async_client("ssm", AioConfig(**_CONFIG)), settings.token_path, time.monotonic),
        checks=AsyncQueue(sqs, settings.friend_checks_queue_url),
        dead_letters=AsyncQueue(sqs, settings.friend_checks_dead_letters_url),
        writes=AsyncQueue(sqs, settings.writes_queue_url),
        clock=now_us,
        random=random.random,
        settings=CheckSettings(channels_at_once=settings.channels_at_once),
    )


def _conclude(database: Database, bus_name: str) -> ConcludeRun:
    return ConcludeRun(MySqlEndStore(Session(database)), EventBus(_client("events"), bus_name), _now)


def _database(settings: config.DatabaseSettings) -> Database:
    secret = json.loads(_client("secretsmanager").get_secret_value(SecretId=settings.secret_arn)["SecretString"])
    return Database(
        settings.host, settings.port, settings.name, secret["username"], secret["password"], settings.tls_ca
    )


def _client(service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    return boto3.client(service, config=Config(**_CONFIG))


async def _async_client(service: str, client_config: AioConfig) -> Any:  # noqa: ANN401 - as above
    # The container ends without a word, so nothing ever leaves this context.
    return await AsyncExitStack().enter_async_context(get_session().create_client(service, config=client_config))


def _now() -> datetime:
    return datetime.now(UTC)
