"""A nightly round in this process: the real handlers on real SQS, DynamoDB, MySQL and the LINE double.

`tests/component/conftest.py` takes the fixtures from here.
"""

import hashlib
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.container import Container
from tests.support.ledger import Books, Ledger, truth
from tests.support.pump import Context, Pump
from tests.support.quick import QUICK_CHECK, QUICK_LIST, check_settings, quick_attempts
from tests.support.stack import Aws, Stack
from tools.bench.private_server import PrivateServer
from tools.cli.redrive import Redriven, redrive
from tools.cli.target import Target
from tools.demo.verify import verify
from tools.line_double.process import RunningDouble, running_double
from tools.line_double.truth import token_for
from tools.local_stack.state import ROOT, StackState
from yomawari import runtime
from yomawari.adapters.mysql.connection import Database
from yomawari.adapters.ssm import token_name
from yomawari.domain import chunks
from yomawari.domain.runs import RunReport
from yomawari.messages import FriendCheckChunk, Malformed, read
from yomawari.runtime import sweeps
from yomawari.usecases import asking, channel_access
from yomawari.usecases.sweep_followers import SweepFollowers

SCHEDULED = "2026-11-21T17:00:00Z"
RUN = 2026_11_22_02_00
PATIENCE_S = 30.0
INVALID_EVERY = 40


class Night:
    """The harness: seeds, starts runs, pumps both queues, and holds the books against the double's truth."""

    def __init__(
        self, stack: Stack, aws: Aws, server: PrivateServer, database: Database, double: RunningDouble
    ) -> None:
        self.stack = stack
        self.server = server
        self.database = database
        self.double = double
        self.ledger = Ledger(database)
        self.overrides: dict[tuple[int, str], bool] = {}
        self._fired: set[str] = set()
        self._aws = aws
        self._before = self.ledger.accounts()
        self._dynamodb = aws("dynamodb")

    def open(self, container: Container) -> None:
        """Put the functions behind their queues."""
        self.container = container
        sqs = self._aws("sqs")
        self.checks = Pump(sqs, self.stack.url("FriendChecks"), self._handler("CheckFriends"), batch_size=4)
        self.writes = Pump(sqs, self.stack.url("Writes"), self._handler("WriteResults"), batch_size=10)
        self.changes = Pump(
            sqs, self.stack.url("MotivationChanges"), self._handler("NotifyChange"), batch_size=10, timeout_s=60
        )
        self.summaries = Pump(sqs, self.stack.url("Summaries"), self._handler("SendSummaries"), batch_size=10)
        self.sweeps = Pump(sqs, self.stack.url("Sweeps"), self._handler("SweepFollowers"), batch_size=1, timeout_s=300)

    def seed(
        self, sizes: dict[int, int], without_token: frozenset[int] = frozenset(), check_by: str = "profile"
    ) -> None:
        """Make tenants with so many job seekers each, one in 40 of whom has a LINE id that cannot be one."""
        for tenant_id, seekers in sizes.items():
            self.ledger.run("INSERT INTO tenants (id, name) VALUES (%s, %s)", (tenant_id, f"agency-{tenant_id}"))
            sql = "INSERT INTO line_channels (tenant_id, channel_id, check_by) VALUES (%s, %s, %s)"
            self.ledger.run(sql, (tenant_id, tenant_id, check_by))
            ids = [tenant_id * 100_000 + number for number in range(1, seekers + 1)]
            people: list[tuple[object, ...]] = [(seeker_id, tenant_id, str(seeker_id)) for seeker_id in ids]
            accounts: list[tuple[object, ...]] = [(tenant_id, seeker_id, line_user_id(seeker_id)) for seeker_id in ids]
            self.ledger.insert("INSERT INTO job_seekers (id, tenant_id, external_key) VALUES (%s, %s, %s)", people)
            sql = "INSERT INTO line_accounts (tenant_id, job_seeker_id, line_user_id) VALUES (%s, %s, %s)"
            self.ledger.insert(sql, accounts)
            if tenant_id not in without_token:
                self.put_token(tenant_id)
        self._before = self.ledger.accounts()

    def put_token(self, tenant_id: int, version: str = "1") -> None:
        """Give a channel an access token that the double knows."""
        name = token_name(self.stack.outputs()["TokenPath"], tenant_id)
        token = token_for(str(tenant_id), version)
        self._aws("ssm").put_parameter(Name=name, Value=token, Type="SecureString", Overwrite=True)

    def take_token(self, tenant_id: int) -> None:
        """Remove a channel's access token."""
        self._aws("ssm").delete_parameter(Name=token_name(self.stack.outputs()["TokenPath"], tenant_id))

    def befriend(self, tenant_id: int, friends: dict[str, bool]) -> None:
        """Set the truth for LINE user ids."""
        self.double.control.set_friends(str(tenant_id), dict(friends))
        self.overrides |= {(tenant_id, line_id): is_friend for line_id, is_friend in friends.items()}

    def slow_down(self, tenant_id: int, rate_per_s: int) -> None:
        """Give a channel a rate of its own."""
        self.ledger.run("UPDATE line_channels SET rate_per_s = %s WHERE tenant_id = %s", (rate_per_s, tenant_id))

    def warm_up(self) -> None:
        """Have check_friends built, so that its first invocation is not a cold start."""
        with self.container.inside("CheckFriends"):
            runtime.check_friends()

    def dispatch(self, scheduled_time: str = SCHEDULED) -> dict[str, Any]:
        """Let the schedule fire; what the rows are when it first fires is what the run is held against."""
        if scheduled_time not in self._fired:
            self._fired.add(scheduled_time)
            self._before = self.ledger.accounts()
        return self.container.invoke("DispatchChecks", {"scheduled_time": scheduled_time}, Context(900))

    def wait(self, holds: Callable[[], bool], every_s: float = 0.02) -> None:
        """Wait until something holds; MySQL shows its transactions anew only to those who ask now and then."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline_s
            time.sleep(every_s)

    def drain(self, timeout_s: float = PATIENCE_S) -> None:
        """Pump both queues until nothing is left on them, delayed or not."""
        deadline_s = time.monotonic() + timeout_s
        while any(self.stack.waiting(queue) for queue in ("Sweeps", "FriendChecks", "Writes")):
            crashes = self.sweeps.crashes + self.checks.crashes + self.writes.crashes
            assert time.monotonic() < deadline_s, f"not drained: {crashes}"
            if not self.sweeps.once() + self.checks.once() + self.writes.once():
                time.sleep(0.05)

    def drain_writes(self) -> None:
        """Pump the writes only, until the run has ended: workers of their own do the asking."""
        self.wait(lambda: (self.writes.once(), self.report().ended_at is not None)[1])
        self.wait(lambda: not self.stack.waiting("FriendChecks") and not self.writes.once())

    def gate(self, tenant: str, endpoint: str = "profile") -> dict[str, str]:
        """A channel's item in the gate's table."""
        key = {"channel_endpoint": {"S": f"{tenant}#{endpoint}"}}
        item = self._dynamodb.get_item(TableName=self.stack.resolve({"Ref": "GateTable"}), Key=key).get("Item", {})
        return {name: next(iter(value.values())) for name, value in item.items()}

    def report(self, run_id: int = RUN) -> RunReport:
        """The run's record, as report_status gives it."""
        return RunReport.model_validate(self.container.invoke("ReportStatus", {"run_id": run_id}))

    def books(self, run_id: int = RUN) -> Books:
        """All that is known of a run."""
        dead = Counter((chunk.tenant_id, seeker[0]) for chunk in self.dead_chunks() for seeker in chunk.seekers)
        changes = self.ledger.changes(run_id)
        return Books(self._before, self.ledger.accounts(), self.report(run_id), changes, dead)

    def dead_chunks(self) -> list[FriendCheckChunk]:
        """The chunks in the dead-letter queue that can be read."""
        messages = self.stack.peek("FriendChecksDeadLetters")
        chunks = [read(FriendCheckChunk, message["Body"]) for message in messages]
        return [chunk for chunk in chunks if not isinstance(chunk, Malformed)]

    def settled(self, state: str = "completed", run_id: int = RUN) -> Books:
        """Assert that everything is as it must be after a run, and that it ended so; the books for more."""
        books = self.books(run_id)
        books.check(truth(self.overrides))
        assert books.report.state == state
        assert books.report.ended_at is not None
        assert not any(self.stack.waiting(queue) for queue in ("Sweeps", "FriendChecks", "Writes"))
        assert not self.sweeps.crashes + self.checks.crashes + self.writes.crashes
        if state == "completed" and not self.overrides:
            verdict = verify(self._local_stack(), books.report)
            assert verdict.problems == []
            assert verdict.matched == verdict.seekers == len(books.after)
        return books

    def asked(self) -> Counter[str]:
        """How the double answered on all channels: calls by status, or by what it did instead."""
        return Counter(self.double.control.report().totals.statuses)

    def askable(self) -> int:
        """How many job seekers have an id that LINE may be asked about."""
        return sum(row.line_user_id.startswith("U") for row in self._before.values())

    def redrive(self, tenant_id: int | None = None) -> Redriven:
        """The operator's `yomawari redrive`."""
        return redrive(self.target(), tenant_id)

    def target(self) -> Target:
        """The stack as the operator's commands see it."""
        return OperatorsTarget(self.stack, self._aws)

    @contextmanager
    def workers(self, count: int, **settings: int) -> Iterator[list["subprocess.Popen[str]"]]:
        """So many check_friends in processes of their own, each fed by its own pump; killed at the block's end."""
        environment = self.container.environment("CheckFriends")
        arguments = [f"{name}={value}" for name, value in {**QUICK_CHECK, **settings}.items()]
        command = [sys.executable, "-m", "tests.support.worker", *arguments]
        with ExitStack() as running:
            workers = []
            for _ in range(count):
                process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603 - this interpreter, this package
                running.enter_context(process)
                running.callback(process.kill)
                workers.append(process)
            for process in workers:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
            yield workers

    def _handler(self, function: str) -> Callable[[dict[str, Any], Context], dict[str, Any]]:
        return lambda event, context: self.container.invoke(function, event, context)

    def _local_stack(self) -> StackState:
        admin = self.server.admin.model_copy(update={"name": self.database.name})
        return StackState(name="test", directory=Path(), endpoint_url=self.stack.endpoint_url, database=admin)


class OperatorsTarget(Target):
    """The stack on moto's server, as the commands see it."""

    def __init__(self, stack: Stack, aws: Aws) -> None:
        super().__init__("test", None)
        vars(self).update(outputs=stack.outputs(), aws=aws)

    def client(self, service: str) -> Any:
        return vars(self)["aws"](service)


def line_user_id(seeker_id: int) -> str:
    """A job seeker's LINE user id; one in 40 begins with a small u, as happens where people type."""
    digest = hashlib.md5(str(seeker_id).encode(), usedforsecurity=False).hexdigest()
    return ("U" if seeker_id % INVALID_EVERY else "u") + digest


@pytest.fixture(scope="session")
def session_double() -> Iterator[RunningDouble]:
    """The session's LINE double."""
    with running_double(latency_ms=3.0, jitter_ms=1.0) as double:
        yield double


@pytest.fixture
def double(session_double: RunningDouble) -> RunningDouble:
    """The double as new."""
    session_double.control.reset()
    return session_double


@pytest.fixture
def settings() -> dict[str, int]:
    """Settings of check_friends, for a test to change before its first invocation."""
    return dict(QUICK_CHECK)


@pytest.fixture
def night(  # noqa: PLR0913, PLR0917 - a fixture names each part it stands on
    aws: Aws,
    moto_session: str,
    mariadb_server: PrivateServer,
    database: Database,
    double: RunningDouble,
    settings: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Night]:
    """A stack with an empty database; chunks hold 100 job seekers at most, and nobody waits for minutes."""
    monkeypatch.setattr(chunks, "CHUNK_SEEKERS", 100)
    monkeypatch.setattr(asking, "RETRY_BASE_US", 40_000)
    monkeypatch.setattr(channel_access, "BOOKED_DELAY_S", 1)
    monkeypatch.setattr(channel_access, "ENOUGH_DELAY_S", 1)
    monkeypatch.setattr(runtime, "CheckSettings", check_settings(settings))
    quick = partial(SweepFollowers, attempts=quick_attempts(), list_settings=QUICK_LIST)
    monkeypatch.setattr(sweeps, "SweepFollowers", quick)
    stack = Stack(
        aws,
        moto_session,
        {"username": database.user, "password": database.password},
        DatabaseHost=database.host,
        DatabasePort=str(database.port),
        DatabaseName=database.name,
        DatabaseTlsCa=database.tls_ca or "",
        LineBaseUrl=double.url,
    )
    made = Night(stack, aws, mariadb_server, database, double)
    container = Container(monkeypatch, stack.environment)
    made.open(container)
    yield made
    container.close()
