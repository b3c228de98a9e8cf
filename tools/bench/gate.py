"""The gate: 1, 4 and 16 worker processes on one channel, each running the real use case against the LINE double.

What is promised is what the double sees arrive: never more than LINE's limit in any sliding second, and close to it
while work waits.
"""

import json
import subprocess
import sys
import time
from typing import Any, Final

from tools.bench.dynamo import private_gate_table
from tools.line_double.process import RunningDouble, running_double

WORKERS: Final = (1, 4, 16)
CHUNKS: Final = 32
LIMIT_PER_S: Final = 2_000
TARGET_PER_S: Final = 1_800
TARGET_WRITES_PER_100: Final = 2.0
_WARM_UP_S: Final = 1.0


def run() -> dict[str, Any]:
    """Ask about 32,000 job seekers of one channel with each number of workers."""
    figures = {}
    with private_gate_table() as dynamo_url:
        for workers in WORKERS:
            with running_double(latency_ms=60, jitter_ms=10) as double:
                figures[f"{workers} workers"] = _measure(double, dynamo_url, workers)
    targets = {"peak_per_s": LIMIT_PER_S, "per_s": TARGET_PER_S, "writes_per_100": TARGET_WRITES_PER_100}
    reached = all(
        one["peak_per_s"] <= LIMIT_PER_S
        and one["per_s"] >= TARGET_PER_S
        and one["writes_per_100"] <= TARGET_WRITES_PER_100
        for one in figures.values()
    )
    return {"figures": figures, "targets": targets, "reached": reached}


def _measure(double: RunningDouble, dynamo_url: str, workers: int) -> dict[str, float]:
    command = [sys.executable, "-m", "tools.bench.gate_worker", double.url, dynamo_url]
    processes = [
        subprocess.Popen(
            [*command, str(worker), str(CHUNKS // workers)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for worker in range(workers)
    ]
    for process in processes:
        _line_of(process)
    start_s = time.time() + _WARM_UP_S
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(f"{start_s}\n")
        process.stdin.flush()
    printed = [json.loads(_line_of(process)) for process in processes]
    for process in processes:
        process.communicate()
    totals = double.control.report().totals
    return {
        "calls": totals.calls,
        "per_s": round(totals.calls_per_s),
        "peak_per_s": totals.peak_per_s,
        "writes_per_100": round(sum(one["writes"] for one in printed) * 100 / totals.calls, 2),
        "refused_by_line": sum(one["rate_limited"] for one in printed),
        "permits_thrown_away": sum(one["permits_thrown_away"] for one in printed),
        "worker_cpu_s": round(sum(one["cpu_s"] for one in printed), 2),
    }


def _line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"a gate worker ended with status {process.wait()}")
    return line
