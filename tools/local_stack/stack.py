"""The local stack's life: up, and down again."""

import contextlib
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence

from tools.local_stack import line, mariadb, ministack, processes
from tools.local_stack.deployment import deploy
from tools.local_stack.environment import environment
from tools.local_stack.errors import LocalStackError
from tools.local_stack.state import LOCAL, Database, StackState, load_state, state_file

_READY_S = 60.0
# The name becomes part of the CloudFormation stack's.
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


def up(name: str = "dev", *, line_double: Sequence[str] = (), tied: bool = False) -> StackState:
    """Start MiniStack, MariaDB and the LINE double; all answer when this returns. Nothing is deployed yet.

    Args:
        name: Stacks of different names live side by side, each in `.local/<name>`.
        line_double: Options of `python -m tools.line_double`, all but its port.
        tied: Whether the stack ends with this process, however that ends. If not, it runs until `down`.

    Raises:
        LocalStackError: if the stack is up already, or a part does not start; the message holds the end of its log.
    """
    _claim(name)
    directory = LOCAL / name
    endpoint_port, database_port = processes.free_ports(2)
    database = Database(port=database_port, password=secrets.token_hex(16), tls_ca=directory / "tls" / "ca.pem")
    endpoint_url = f"http://127.0.0.1:{endpoint_port}"
    state = StackState(name=name, directory=directory, tied=tied, endpoint_url=endpoint_url, database=database)
    try:
        _start(state, endpoint_port, line_double)
    except BaseException:
        processes.stop(state.parts)
        state_file(name).unlink(missing_ok=True)
        raise
    return state


def down(name: str = "dev") -> None:
    """Stop every process of the stack and remove its files, all but the logs. Whether it is up does not matter.

    Raises:
        LocalStackError: if a process cannot be stopped.
    """
    if state_file(name).exists():
        processes.stop(load_state(name).parts)
    directory = LOCAL / name
    for left in directory.iterdir() if directory.exists() else ():
        if left.is_dir() and left.name != "logs":
            shutil.rmtree(left)
        elif left.is_file():
            left.unlink()


@contextlib.contextmanager
def running(
    name: str, *, line_double: Sequence[str] = (), parameters: Mapping[str, str] | None = None
) -> Iterator[StackState]:
    """A stack that is up and deployed within the block, and gone after it, also after Ctrl-C or SIGKILL."""
    state = up(name, line_double=line_double, tied=True)
    try:
        yield deploy(state, parameters)
    finally:
        down(name)


def stop_database(state: StackState) -> None:
    """Stop MariaDB, as a maintenance or a crash would; its data stay."""
    processes.stop([state.part(mariadb.NAME)])


def start_database(state: StackState) -> None:
    """Start MariaDB again after `stop_database`, on the same port."""
    env = environment(state.directory)
    state.parts.remove(state.part(mariadb.NAME))
    state.parts.append(mariadb.start(state.directory, state.database, env, tied=state.tied))
    state.save()
    processes.wait_until(state.parts[-1], lambda: mariadb.answers(state.database), _READY_S)


def _claim(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise LocalStackError(f"{name!r} is no name for a stack: lower-case letters, digits and hyphens, at most 31")
    if state_file(name).exists() and any(map(processes.is_alive, load_state(name).parts)):
        raise LocalStackError(f"the local stack {name!r} is up already")
    shutil.rmtree(LOCAL / name, ignore_errors=True)
    (LOCAL / name).mkdir(parents=True)


def _start(state: StackState, endpoint_port: int, line_double: Sequence[str]) -> None:
    """Start all parts, then wait for each. Every part is on file as soon as it runs, so that `down` can find it."""
    env = environment(state.directory)
    cloud = ministack.start(state.directory, endpoint_port, env, tied=state.tied)
    state.parts.append(cloud)
    state.save()
    double = line.start(state.directory, line_double, env, tied=state.tied)
    state.parts.append(double)
    state.save()
    mariadb.initialise(state.directory, state.database, env)
    server = mariadb.start(state.directory, state.database, env, tied=state.tied)
    state.parts.append(server)
    state.save()
    processes.wait_until(cloud, lambda: ministack.answers(state.endpoint_url), _READY_S)
    processes.wait_until(server, lambda: mariadb.answers(state.database), _READY_S)
    processes.wait_until(double, lambda: line.port(double) is not None, _READY_S)
    state.line_url = f"http://127.0.0.1:{line.port(double)}"
    state.save()
