"""Follower lists: what 2,000,000 job seekers of 200 verified channels cost, beside asking them one by one.

Each way runs in a process of its own (sweep_worker.py) against one double and one database, so that its CPU time and
memory are its own. The gate is in memory; the queues keep bodies and count them.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final

from tools.bench.database import fill, private_database
from tools.line_double.process import RunningDouble, running_double
from yomawari.adapters.mysql.connection import Database

TENANTS: Final = 200
SEEKERS: Final = int(os.environ.get("SEEKERS", "2000000"))
BOTH_TENANTS: Final = 4
"""The first so many tenants are asked by both ways."""

ONE_CHANNEL: Final = 1_000_000
_KNOWN_FOR_ONE_CHANNEL: Final = 1_435_000
"""So many people are known to the list of which, at the double's 70 %, a little over ONE_CHANNEL are named."""

TARGET_CALLS: Final = 2_500
TARGET_PEAK_MB: Final = 256.0
_NO_LIMIT: Final = 10_000_000
_AT_ONCE: Final = 8


def run() -> dict[str, Any]:
    """Sweep everybody; then the first tenants by both ways, in one run; then one channel of a million followers."""
    with private_database() as database, running_double(latency_ms=60, jitter_ms=10, **_unlimited()) as double:
        fill(database, TENANTS, SEEKERS)
        per_tenant = SEEKERS // TENANTS
        for tenant_id in range(1, TENANTS + 1):
            _tell(double, tenant_id, range((tenant_id - 1) * per_tenant + 1, tenant_id * per_tenant + 1))
        figures = {
            "all by list": _measure("list", database, double, TENANTS),
            "some by list": _measure("list", database, double, BOTH_TENANTS),
            "some by profile": _measure("profile", database, double, BOTH_TENANTS),
        }
        double.control.reset()
        _tell(double, 1, range(1, _KNOWN_FOR_ONE_CHANNEL + 1))
        double.control.set_latency(5)  # the memory is what is asked about here
        figures["one channel"] = _measure("list", database, double, 1)
    calls = figures["all by list"]["calls"]
    peak_mb, followers = figures["one channel"]["peak_mb"], figures["one channel"]["followers"]
    targets = {"calls": TARGET_CALLS, "peak_mb": TARGET_PEAK_MB, "followers": ONE_CHANNEL}
    reached = calls <= TARGET_CALLS and peak_mb < TARGET_PEAK_MB and followers >= ONE_CHANNEL
    return {"figures": figures, "targets": targets, "reached": reached}


def _unlimited() -> dict[str, Any]:
    return {"limit_per_s": _NO_LIMIT, "bucket": _NO_LIMIT}


def _tell(double: RunningDouble, tenant_id: int, seeker_ids: Iterable[int]) -> None:
    """Let a channel's list know the job seekers that `fill` makes."""
    double.control.set_followers(str(tenant_id), verified=True)
    double.control.add_follower_ids(str(tenant_id), _line_user_ids(seeker_ids))


def _line_user_ids(seeker_ids: Iterable[int]) -> Iterator[str]:
    for seeker_id in seeker_ids:
        yield f"U{hashlib.md5(str(seeker_id).encode(), usedforsecurity=False).hexdigest()}"


def _measure(way: str, database: Database, double: RunningDouble, tenants: int) -> dict[str, Any]:
    double.control.clear_record()
    where = [database.host, str(database.port), database.name, database.user, str(database.tls_ca)]
    done = subprocess.run(
        [sys.executable, "-m", "tools.bench.sweep_worker", way, double.url, str(tenants), str(_AT_ONCE), *where],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "BENCH_PASSWORD": database.password},
        stdout=subprocess.PIPE,
        check=True,
    )
    measured: dict[str, Any] = json.loads(done.stdout)
    totals = double.control.report().totals
    return measured | {"calls": totals.calls, "double_cpu_s": round(totals.cpu_s, 1)}
