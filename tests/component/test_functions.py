"""The handlers as Lambda calls them: one event loop for the container's life, one message failing alone, the alarm."""

import asyncio
import json
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.night import RUN, SCHEDULED, Night
from tests.support.pump import Context, event_of
from yomawari import runtime
from yomawari.config import MissingSettingError
from yomawari.usecases.ports import Unavailable

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


def connections_to(url: str) -> set[str]:
    """The local ports of this process's established connections to a server on this machine."""
    remote = f"0100007F:{int(url.rsplit(':', 1)[1]):04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return {row[1] for row in rows if row[2] == remote and row[3] == "01"}


def test_one_loop_and_its_connections_serve_every_invocation(night: Night) -> None:
    night.seed({1: 600})
    night.dispatch()
    before = connections_to(night.double.url)
    night.checks.once()
    loop, opened = runtime.loop(), connections_to(night.double.url) - before
    assert opened
    night.checks.once()
    assert connections_to(night.double.url) - before == opened
    assert runtime.loop() is loop is asyncio.get_event_loop_policy().get_event_loop()
    night.drain()
    night.settled()


def test_connections_that_died_while_the_container_was_frozen_are_replaced(night: Night) -> None:
    night.seed({1: 600})
    night.dispatch()
    before = own_sockets()
    night.checks.once()
    night.writes.once()
    for descriptor in own_sockets() - before:
        # moto's own ends of these connections, which are among them, may be gone by now.
        with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as frozen:
            frozen.shutdown(socket.SHUT_RDWR)
    night.drain()
    night.settled()


def own_sockets() -> set[int]:
    """Descriptors of this process's sockets."""
    named = {path.name for path in Path("/proc/self/fd").iterdir() if path.exists() or path.is_symlink()}
    return {int(name) for name in named if is_socket(f"/proc/self/fd/{name}")}


def is_socket(descriptor: str) -> bool:
    try:
        return Path(descriptor).readlink().name.startswith("socket:")
    except FileNotFoundError:  # the one that listed the others
        return False


def test_one_message_that_fails_returns_alone(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    night.seed({1: 150, 2: 60})
    night.dispatch()
    token = runtime.Tokens.token

    async def away_for_one(tokens: Any, tenant_id: int) -> str | None:
        if tenant_id == 2:
            raise Unavailable("SSM")
        return await token(tokens, tenant_id)

    with monkeypatch.context() as patch:
        patch.setattr(runtime.Tokens, "token", away_for_one)
        night.checks.once()
    (returned,) = night.stack.peek("FriendChecks")
    assert json.loads(returned["Body"])["tenant_id"] == 2
    assert night.stack.waiting("Writes") == 2
    night.drain()
    night.settled()


def test_one_result_that_fails_returns_alone(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    night.seed({1: 150, 2: 60})
    night.dispatch()
    night.checks.once()
    settle = runtime.MySqlSettleStore.settle

    def away_for_one(store: Any, results: Any) -> Any:
        if results.tenant_id == 2:
            raise Unavailable("MySQL")
        return settle(store, results)

    with monkeypatch.context() as patch:
        patch.setattr(runtime.MySqlSettleStore, "settle", away_for_one)
        night.writes.once()
    (returned,) = night.stack.peek("Writes")
    assert json.loads(returned["Body"])["tenant_id"] == 2
    night.drain()
    night.settled()


def test_a_schedule_that_cannot_be_read_fails_the_invocation(night: Night) -> None:
    for event in ({}, {"scheduled_time": "<aws.scheduler.scheduled-time>"}, {"scheduled_time": SCHEDULED, "x": 1}):
        with pytest.raises(Exception, match=r"scheduled_time|date and time|Extra inputs"):
            night.container.invoke("DispatchChecks", dict(event))
    assert night.ledger.run("SELECT COUNT(*) FROM runs") == [(0,)]


@pytest.mark.parametrize("variable", ["GATE_TABLE", "LINE_BASE_URL", "WRITES_QUEUE_URL"])
def test_a_missing_setting_is_named(night: Night, variable: str) -> None:
    usual = night.container.environment
    night.container.environment = lambda name: {key: text for key, text in usual(name).items() if key != variable}
    with pytest.raises(MissingSettingError, match=variable):
        night.container.invoke("CheckFriends", event_of([]))


def test_the_alarm_on_a_late_run(night: Night, caplog: pytest.LogCaptureFixture, capsys: Any) -> None:
    night.seed({1: 60})
    five_oclock = {"scheduled_time": "2026-11-21T20:00:00Z"}
    assert unfinished(night, five_oclock, capsys) == 1
    night.dispatch()
    assert unfinished(night, five_oclock, capsys) == 1
    night.drain()
    assert unfinished(night, five_oclock, capsys) == 0
    assert unfinished(night, {"scheduled_time": "2026-11-22T20:00:00Z"}, capsys) == 1
    late = [record for record in caplog.records if "not ended in time" in record.getMessage()]
    assert len(late) == 3
    assert night.report().run_id == RUN


def unfinished(night: Night, event: dict[str, str], capsys: Any) -> float:
    """What the metric RunUnfinished says; EMF is a line on stdout."""
    capsys.readouterr()
    night.container.invoke("ReportStatus", dict(event), Context(60))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"RunUnfinished"' in line]
    return float(lines[0]["RunUnfinished"][0])
