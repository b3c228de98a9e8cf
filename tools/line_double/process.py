"""A double in a process of its own, for as long as a ``with`` block lasts."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, cast

from tools.line_double.control_client import DoubleControl
from tools.line_double.options import Options

_ROOT = Path(__file__).parents[2]
_STOP_S = 10.0


@dataclass(frozen=True, slots=True)
class RunningDouble:
    """A double that is up: where it listens, how to talk to it, and its process id."""

    url: str
    control: DoubleControl
    pid: int


@contextmanager
def running_double(**options: Any) -> Iterator[RunningDouble]:  # noqa: ANN401 (Options knows their types)
    """Start a double with these ``Options`` on a free port; stop it at the end of the block, however it ends.

    Raises:
        TypeError: there is no such option.
        RuntimeError: the process ended before it was ready, or did not end cleanly; its stderr is ours.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.line_double", *_flags(Options(**options))],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            url = f"http://127.0.0.1:{_port_of(process)}"
            with closing(DoubleControl(url)) as control:
                yield RunningDouble(url, control, process.pid)
        except BaseException:
            process.kill()
            raise
        _stop(process)


def _flags(options: Options) -> list[str]:
    flags = []
    for name, value in asdict(options).items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            flags.append(flag)
        elif value is not False:
            flags.append(f"{flag}={value}")
    return flags


def _port_of(process: subprocess.Popen[str]) -> int:
    line = cast("IO[str]", process.stdout).readline()
    if not line:
        raise RuntimeError(f"the double ended with status {process.wait()} before it was ready")
    return int(json.loads(line)["port"])


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        status = process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    if status != 0:
        raise RuntimeError(f"the double ended with status {status}")
