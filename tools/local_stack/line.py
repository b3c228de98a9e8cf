"""The LINE double as a process of the stack."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.local_stack import processes
from tools.local_stack.state import Part


def start(directory: Path, options: Sequence[str], env: Mapping[str, str], *, tied: bool) -> Part:
    """Start it on a free port of 127.0.0.1 with further options of its own command line."""
    command = [sys.executable, "-m", "tools.line_double", "--port", "0", *options]
    return processes.start("LINE double", command, env, directory / "logs" / "line_double.log", tied=tied)


def port(part: Part) -> int | None:
    """The port it printed, or None while it has not."""
    for line in part.log.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("{") and "port" in (said := json.loads(line)):
            return int(said["port"])
    return None
