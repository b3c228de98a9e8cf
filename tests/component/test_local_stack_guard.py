"""Nothing outlives its guard: real processes, no server among them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.local_stack import LocalStackError, processes
from tools.local_stack.state import Part

# A server with a worker that ignores SIGTERM. The worker's id goes to the log.
SERVER = """
import subprocess, sys, time
worker = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", worker], stdout=subprocess.PIPE)
child.stdout.readline()
print("worker", child.pid, flush=True)
time.sleep(60)
"""
# What starts the server, tied, and then waits to be killed.
PARENT = """
import os, sys, time
from pathlib import Path
from tools.local_stack import processes
processes.start("server", [sys.executable, "-c", sys.argv[1]], os.environ, Path(sys.argv[2]), tied=True)
time.sleep(60)
"""


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def worker_of(log: Path) -> int:
    assert eventually(lambda: log.exists() and "worker" in log.read_text(encoding="utf-8"))
    return int(log.read_text(encoding="utf-8").split()[-1])


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_stop_ends_the_server_and_the_worker_that_ignores_it(tmp_path: Path) -> None:
    part = processes.start("server", [sys.executable, "-c", SERVER], os.environ, tmp_path / "log", tied=False)
    worker = worker_of(part.log)
    assert processes.is_alive(part)
    processes.stop([part])
    assert not processes.is_alive(part)
    assert eventually(lambda: not exists(worker))


def test_a_tied_server_ends_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with subprocess.Popen([sys.executable, "-c", PARENT, SERVER, str(log)]) as parent:  # noqa: S603 - itself
        worker = worker_of(log)
        parent.send_signal(signal.SIGKILL)
    assert eventually(lambda: not exists(worker))
    assert eventually(lambda: not processes.is_alive(Part(name="server", guard_pid=0, log=log)))


def test_a_server_that_ends_while_starting_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    complains = "print('no such database'); raise SystemExit(3)"
    part = processes.start("server", [sys.executable, "-c", complains], os.environ, tmp_path / "log", tied=True)
    with pytest.raises(LocalStackError, match=r"server: it ended while starting(?s:.*)no such database"):
        processes.wait_until(part, lambda: False, timeout_s=20)


def test_a_server_that_is_never_ready_is_reported(tmp_path: Path) -> None:
    part = processes.start("server", [sys.executable, "-c", SERVER], os.environ, tmp_path / "log", tied=True)
    with pytest.raises(LocalStackError, match="server: not ready after 0 s"):
        processes.wait_until(part, lambda: False, timeout_s=0.2)
    processes.stop([part])


def test_a_command_that_fails_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(LocalStackError, match=r"build: python\S* ended with 7(?s:.*)missing wheel"):
        processes.run(
            "build", [sys.executable, "-c", "print('missing wheel'); raise SystemExit(7)"], os.environ, tmp_path / "log"
        )


def test_a_part_that_never_ran_is_not_alive(tmp_path: Path) -> None:
    assert not processes.is_alive(Part(name="server", guard_pid=os.getpid(), log=tmp_path / "log"))


def test_free_ports_differ_and_nobody_listens_there() -> None:
    ports = processes.free_ports(3)
    assert len(set(ports)) == 3
    assert not any(map(processes.accepts, ports))
