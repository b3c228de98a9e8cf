"""Starting, watching and stopping processes, each under a guard (see guard.py)."""

import contextlib
import fcntl
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tools.local_stack.errors import LocalStackError
from tools.local_stack.state import Part

_GUARD = Path(__file__).with_name("guard.py")
_POLL_S = 0.05
# A guard gives its command ten seconds before it kills.
_STOP_S = 25.0


def start(name: str, command: Sequence[str], env: Mapping[str, str], log: Path, *, tied: bool) -> Part:
    """Start a server; its output goes to the log. A tied one dies with this process, however that ends."""
    return Part(name=name, guard_pid=_guarded(command, env, log, tied=tied), log=log)


def run(name: str, command: Sequence[str], env: Mapping[str, str], log: Path) -> None:
    """Run a command to its end. It never outlives this process.

    Raises:
        LocalStackError: if it ends with anything but 0.
    """
    guard_pid = _guarded(command, env, log, tied=True)
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(guard_pid, 0)[1])
    except BaseException:
        os.kill(guard_pid, signal.SIGTERM)
        os.waitpid(guard_pid, 0)
        raise
    if code != 0:
        raise LocalStackError.of(name, f"{Path(command[0]).name} ended with {code}", log)


def wait_until(part: Part, ready: Callable[[], bool], timeout_s: float) -> None:
    """Return as soon as the part is ready.

    Raises:
        LocalStackError: if it ends, or is not ready in time.
    """
    deadline = time.monotonic() + timeout_s
    while not ready():
        if not is_alive(part):
            raise LocalStackError.of(part.name, "it ended while starting", part.log)
        if time.monotonic() > deadline:
            raise LocalStackError.of(part.name, f"not ready after {timeout_s:.0f} s", part.log)
        time.sleep(_POLL_S)


def is_alive(part: Part) -> bool:
    """Whether the part's guard, or what it guards, runs.

    They hold a lock on their log file, which no process that merely got the same id later can do, and which a zombie
    no longer does.
    """
    try:
        with part.log.open("ab") as log:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def stop(parts: Sequence[Part]) -> None:
    """Stop the parts and all their descendants, all at once; return when none is left.

    Raises:
        LocalStackError: if one outlives both its SIGTERM and its SIGKILL.
    """
    running = [part for part in parts if is_alive(part)]
    for part in running:
        os.kill(part.guard_pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_S
    while running := [part for part in running if is_alive(part)]:
        if time.monotonic() > deadline:
            raise LocalStackError(f"cannot stop {', '.join(f'{part.name} ({part.guard_pid})' for part in running)}")
        time.sleep(_POLL_S)
    for part in parts:
        with contextlib.suppress(ChildProcessError):  # started by another process, or collected already
            os.waitpid(part.guard_pid, 0)


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on. Taken together, so that they differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def accepts(port: int) -> bool:
    """Whether somebody listens on the port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _guarded(command: Sequence[str], env: Mapping[str, str], log: Path, *, tied: bool) -> int:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        fcntl.flock(output, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.posix_spawn(
            sys.executable,
            [sys.executable, str(_GUARD), str(os.getpid() if tied else 0), *command],
            env,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, output.fileno(), 2),
            ],
            # A session of its own keeps the terminal's Ctrl-C from the servers: they stop in order, when told to.
            setsid=True,
        )
