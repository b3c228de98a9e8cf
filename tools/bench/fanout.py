"""The fan-out: calls per core-second at 60 ms latency, beside httpx, aiohttp and (if `go` is there) a Go client.

Each client runs in a process of its own against the same double; the figure is its own CPU time.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from tools.line_double.process import RunningDouble, running_double

CALLS: Final = {"ours": 40_000, "engine": 40_000, "go": 40_000, "aiohttp": 20_000, "httpx": 1_000}
TARGET_PER_CORE_S: Final = 5_000
ROUNDS: Final = 3
"""Interleaved, because the machine may be shared: only figures of one round compare."""
_GO_SOURCE: Final = Path(__file__).with_name("go_baseline")
_NO_LIMIT: Final = 10_000_000


def run() -> dict[str, Any]:
    """Measure every client, one after another, on one double, and that three times over."""
    with (
        running_double(latency_ms=60, jitter_ms=10, limit_per_s=_NO_LIMIT, bucket=_NO_LIMIT) as double,
        tempfile.TemporaryDirectory() as built,
    ):
        clients = {name: [sys.executable, "-m", "tools.bench.fanout_client", name] for name in CALLS if name != "go"}
        if (go := _go_client(Path(built))) is not None:
            clients["go"] = [str(go)]
        rounds = [
            {name: _measure(command, double, CALLS[name]) for name, command in clients.items()} for _ in range(ROUNDS)
        ]
    figures = {name: _median([one[name] for one in rounds]) for name in clients}
    targets = {"ours": {"per_core_s": TARGET_PER_CORE_S}}
    return {"figures": figures, "targets": targets, "reached": figures["ours"]["per_core_s"] >= TARGET_PER_CORE_S}


def _median(measured: list[dict[str, float]]) -> dict[str, float]:
    """The round with the median price: whole, so that its figures belong together."""
    return sorted(measured, key=lambda one: one["per_core_s"])[len(measured) // 2]


def _go_client(directory: Path) -> Path | None:
    if shutil.which("go") is None:
        return None
    binary = directory / "client"
    build = ["go", "build", "-o", str(binary), str(_GO_SOURCE / "main.go")]
    env = {"HOME": str(directory), "PATH": str(Path(shutil.which("go") or "").parent) + ":/usr/bin:/bin"}
    subprocess.run(build, check=True, env=env)
    return binary


def _measure(command: list[str], double: RunningDouble, calls: int) -> dict[str, float]:
    double.control.clear_record()
    printed = subprocess.run([*command, double.url, str(calls)], check=True, stdout=subprocess.PIPE).stdout
    measured = json.loads(printed)
    if measured["answered"] != calls:
        raise RuntimeError(f"{command}: {measured['answered']} of {calls} calls were answered")
    return {
        "calls": calls,
        "per_s": round(calls / measured["wall_s"]),
        "per_core_s": round(calls / measured["cpu_s"]),
        "cpu_s": round(measured["cpu_s"], 2),
        "peak_per_s_on_a_channel": _peak_per_s(double),
    }


def _peak_per_s(double: RunningDouble) -> int:
    channels = double.control.report().channels.values()
    return max(endpoint.peak_per_s for endpoints in channels for endpoint in endpoints.values())
