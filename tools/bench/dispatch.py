"""The dispatcher: 2,000,000 job seekers enumerated and published, in a process of its own that is measured alone."""

import json
import os
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any

import boto3

from tools.bench.database import fill, private_database
from tools.bench.sqs_double import sqs_double
from yomawari.adapters.events_fake import EventBusFake
from yomawari.adapters.mysql.connection import Database, Session
from yomawari.adapters.mysql.dispatch import MySqlDispatchStore
from yomawari.adapters.mysql.ends import MySqlEndStore
from yomawari.adapters.sqs import Queue
from yomawari.adapters.sqs_fake import QueueFake
from yomawari.adapters.ssm_fake import TokensFake
from yomawari.usecases.checking import CheckSettings
from yomawari.usecases.conclude_run import ConcludeRun
from yomawari.usecases.dispatch_checks import DispatchChecks

TENANTS = 200
SEEKERS = 2_000_000
RUN = 2026_11_20_02_00
RATE_PER_S = CheckSettings().rate_per_s

TARGET_CPU_S = 120.0
TARGET_PEAK_MB = 200.0


def run() -> dict[str, Any]:
    """Dispatch a whole night to a local queue; CPU time and peak memory are the dispatcher process's own."""
    with private_database() as database, sqs_double() as double:
        fill(database, TENANTS, SEEKERS)
        measured = _in_a_process_of_its_own(database, double.queue_url)
        sent = {"seekers": double.seekers, "messages": double.messages, "largest_body_bytes": double.largest_bytes}
    figures = {**measured, **sent, "seekers_per_cpu_s": round(SEEKERS / measured["cpu_s"])}
    targets = {"seekers": SEEKERS, "cpu_s": TARGET_CPU_S, "wall_s": TARGET_CPU_S, "peak_mb": TARGET_PEAK_MB}
    reached = (
        sent["seekers"] == SEEKERS
        and max(measured["cpu_s"], measured["wall_s"]) < TARGET_CPU_S
        and measured["peak_mb"] < TARGET_PEAK_MB
    )
    return {"figures": figures, "targets": targets, "reached": reached}


def _in_a_process_of_its_own(database: Database, queue_url: str) -> dict[str, float]:
    arguments = [database.host, str(database.port), database.name, database.user, str(database.tls_ca), queue_url]
    done = subprocess.run(
        [sys.executable, "-m", "tools.bench.dispatch", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "BENCH_PASSWORD": database.password},
        stdout=subprocess.PIPE,
        check=True,
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def _dispatch(database: Database, queue_url: str) -> dict[str, float]:
    client = boto3.client(
        "sqs",
        endpoint_url=queue_url.rsplit("/", 2)[0],
        region_name="ap-northeast-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the double asks for none
    )
    session = Session(database)
    dispatch = DispatchChecks(
        MySqlDispatchStore(session, database),
        TokensFake(dict.fromkeys(range(1, TENANTS + 1), "token")),
        Queue(client, queue_url),
        ConcludeRun(MySqlEndStore(session), EventBusFake(), _now),
        _now,
        RATE_PER_S,
        sweeps=QueueFake(),
        writes=QueueFake(),
    )
    began_s = time.perf_counter()
    dispatch(RUN)
    wall_s = time.perf_counter() - began_s
    session.close()
    client.close()
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "wall_s": round(wall_s, 1),
        "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "peak_mb": round(used.ru_maxrss / 1024, 1),
    }


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    host, port, name, user, tls_ca, url = sys.argv[1:]
    here = Database(host, int(port), name, user, os.environ["BENCH_PASSWORD"], tls_ca)
    sys.stdout.write(json.dumps(_dispatch(here, url)))
