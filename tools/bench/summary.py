"""The morning summary: from the record against recomputed audiences, what the record costs, and a large dispatch."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import boto3
import pymysql

from tools.bench.database import fill, private_database
from tools.bench.sqs_double import sqs_double
from tools.seed.motivations import MotivationSizes, fill_motivations, numbers
from yomawari.adapters.mysql.audience import MySqlAudienceStore
from yomawari.adapters.mysql.connection import Database, Session, connect, utc
from yomawari.adapters.mysql.summaries import MySqlSummaryStore
from yomawari.adapters.mysql.targets import MySqlTargetStore
from yomawari.adapters.sqs import Queue
from yomawari.domain.motivations import Audience, ChangeKind, Recipient
from yomawari.domain.summaries import Aged, Summary, aged, summary_of
from yomawari.messages import TargetsRecorded
from yomawari.usecases.checking import CheckSettings
from yomawari.usecases.dispatch_summaries import DispatchSummaries
from yomawari.usecases.motivation_ports import Recorded
from yomawari.usecases.record_targets import RecordTargets

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 3, tzinfo=UTC)
MORNING_AFTER = NOON + timedelta(hours=20)
KINDS: tuple[ChangeKind, ...] = ("job_change", "side_job")

TENANTS = 20
# Of the 510 or so whom a change concerns, about 200 can be reached: three of four people have a LINE account with some
# tenant, and six of ten such accounts are friends. How many different people it is about decides what the record saves
# as well, because each of them is looked up once.
CONNECTIONS_PER_USER = 275
RECRUITERS = 1_900
ENTRIES_PER_PERSON = 0.75
NOT_FRIENDS_PERCENT = 40
PEOPLE = 3_000
MANY_PEOPLE = 10_000
ROUNDS = 5
MESSAGES_AT_ONCE = 10
"""As template.yaml gives them to write_results."""

LARGE_RECIPIENTS = 100_000
LARGE_TARGETS = 1_000_000
LARGE_CHANGES = 5_000

TARGET_TIMES_LESS = 20.0
TARGET_RECORDED_PER_S = 50_000
TARGET_DISPATCH_S = 60.0
TARGET_PEAK_MB = 200.0


def run() -> dict[str, Any]:
    """Measure both ways on the same data, checking that they say the same; then dispatch 1,000,000 targets."""
    figures: dict[str, dict[str, Any]] = {}
    for people in (PEOPLE, MANY_PEOPLE):
        with private_database() as database:
            figures |= {f"{case}, {people} people": measured for case, measured in _both_ways(database, people).items()}
    figures["dispatch"] = dispatched = _large_dispatch()
    times_less = figures[f"from the record, {PEOPLE} people"]["times_less"]
    targets_per_s = figures[f"record, {PEOPLE} people"]["targets_per_s"]
    reached = (
        times_less >= TARGET_TIMES_LESS
        and targets_per_s >= TARGET_RECORDED_PER_S
        and dispatched["recipients"] == LARGE_RECIPIENTS
        and dispatched["wall_s"] < TARGET_DISPATCH_S
        and dispatched["peak_mb"] < TARGET_PEAK_MB
    )
    targets = {
        "times_less": TARGET_TIMES_LESS,
        "targets_per_s": TARGET_RECORDED_PER_S,
        "dispatch_wall_s": TARGET_DISPATCH_S,
        "dispatch_peak_mb": TARGET_PEAK_MB,
    }
    return {"figures": figures, "targets": targets, "reached": reached}


@dataclass(frozen=True, slots=True)
class _Cost:
    recipients: int
    wall_s: float
    mysql_cpu_s: float
    rows_read: int


def _both_ways(database: Database, people: int) -> dict[str, dict[str, Any]]:
    _fill(database, people)
    session = Session(database)
    audiences = _audiences(session)
    record = _record(session, audiences) | _size(database)
    store = MySqlSummaryStore(session, database)
    if list(store.summaries(DAY)) != list(_recompute(session)):
        raise AssertionError("the record and the recomputed audiences do not say the same")
    shared = {"changes": len(audiences), "targets": record["rows"]}
    recomputed: list[_Cost] = []
    recorded: list[_Cost] = []
    for _ in range(ROUNDS):
        recomputed.append(_costing(database, lambda: _recompute(session)))
        recorded.append(_costing(database, lambda: store.summaries(DAY)))
    session.close()
    times_less = median(cost.wall_s for cost in recomputed) / median(cost.wall_s for cost in recorded)
    return {
        "recomputed": shared | _middle(recomputed),
        "from the record": shared | _middle(recorded) | {"times_less": round(times_less, 1)},
        "record": record,
    }


def _fill(database: Database, people: int) -> None:
    fill(database, TENANTS, round(people * ENTRIES_PER_PERSON))
    with connect(database) as connection, connection.cursor() as cursor:
        is_not_friend = f"CRC32(CONCAT('friend', job_seeker_id)) % 100 < {NOT_FRIENDS_PERCENT}"
        cursor.execute(f"UPDATE line_accounts SET friend_status = 'not_friend' WHERE {is_not_friend}")
        fill_motivations(cursor, MotivationSizes(people, CONNECTIONS_PER_USER, RECRUITERS, 500), NOON)
        connection.commit()


def _audiences(session: Session) -> list[Audience]:
    """Every change's audience, as notify_change asks for it."""
    store = MySqlAudienceStore(session)
    asked = (store.audience(*change) for change in session.transact(_changes))
    return [audience for audience in asked if isinstance(audience, Audience)]


def _changes(cursor: pymysql.cursors.Cursor) -> list[tuple[ChangeKind, int, int]]:
    found: list[tuple[ChangeKind, int, int]] = []
    for kind in KINDS:
        cursor.execute(f"SELECT id, user_id FROM user_{kind}_motivation_histories")
        found += [(kind, history_id, user_id) for history_id, user_id in cursor.fetchall()]
    return found


def _recompute(session: Session) -> Iterator[Summary]:
    """The summary without a record: all audiences again, in memory."""
    told: dict[int, list[Aged]] = {}
    recipients: dict[int, Recipient] = {}
    for audience in _audiences(session):
        change = aged(audience.change)
        for recipient in audience.recipients:
            recipients[recipient.user_id] = recipient
            told.setdefault(recipient.user_id, []).append(change)
    return (summary_of(recipients[user_id], told[user_id]) for user_id in sorted(told))


def _record(session: Session, audiences: list[Audience]) -> dict[str, Any]:
    """Write every target down through the real use case, a message per change, parsed and in batches as there."""
    bodies = iter(list(_bodies(audiences)))
    record = RecordTargets(MySqlTargetStore(session), lambda: NOON)
    targets = 0
    began_s = time.perf_counter()
    while batch := [TargetsRecorded.model_validate_json(body) for body in islice(bodies, MESSAGES_AT_ONCE)]:
        for outcome in record(batch):
            if not isinstance(outcome, Recorded):
                raise TypeError(outcome.reason)
            targets += outcome.targets
    return {"targets_per_s": round(targets / (time.perf_counter() - began_s))}


def _bodies(audiences: list[Audience]) -> Iterator[str]:
    for audience in audiences:
        user_ids = [one.user_id for one in audience.recipients]
        change = audience.change
        message = TargetsRecorded(
            tenant_id=1, change_kind=change.kind, history_id=change.history_id, user_ids=user_ids, told_at=NOON
        )
        yield message.model_dump_json()


def _size(database: Database) -> dict[str, int]:
    tables = [f"user_{kind}_motivation_history_notification_target_users" for kind in KINDS]
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute(f"ANALYZE TABLE {', '.join(tables)}")
        cursor.fetchall()
        rows = 0
        for table in tables:
            cursor.execute(f"SELECT COUNT(*) FROM {table}")
            rows += cursor.fetchall()[0][0]
        cursor.execute(
            "SELECT CAST(SUM(data_length + index_length) AS SIGNED) FROM information_schema.tables "
            "WHERE table_schema = DATABASE() AND table_name IN (%s, %s)",
            tables,
        )
        size_bytes = cursor.fetchall()[0][0]
    return {"rows": rows, "bytes": size_bytes, "bytes_per_row": round(size_bytes / rows)}


def _costing(database: Database, work: Callable[[], Iterator[Summary]]) -> _Cost:
    """What it costs to make every summary, one after another, on a server that does nothing else."""
    with connect(database) as connection, connection.cursor() as cursor:
        before_s, before_rows = _mysql_cpu_s(cursor), _rows_read(cursor)
        began_s = time.perf_counter()
        recipients = sum(1 for _ in work())
        wall_s = time.perf_counter() - began_s
        return _Cost(recipients, wall_s, _mysql_cpu_s(cursor) - before_s, _rows_read(cursor) - before_rows)


def _rows_read(cursor: pymysql.cursors.Cursor) -> int:
    cursor.execute("SHOW GLOBAL STATUS LIKE 'Handler_read%'")
    return sum(int(value) for _, value in cursor.fetchall())


def _mysql_cpu_s(cursor: pymysql.cursors.Cursor) -> float:
    cursor.execute("SELECT @@pid_file")
    pid = Path(cursor.fetchall()[0][0]).read_text(encoding="utf-8").strip()
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _middle(costs: list[_Cost]) -> dict[str, Any]:
    return {
        "recipients": costs[0].recipients,
        "wall_s": round(median(cost.wall_s for cost in costs), 3),
        "mysql_cpu_s": round(median(cost.mysql_cpu_s for cost in costs), 2),
        "rows_read": round(median(cost.rows_read for cost in costs)),
    }


def _large_dispatch() -> dict[str, Any]:
    with private_database() as database, sqs_double() as double:
        _fill_large(database)
        arguments = [database.host, str(database.port), database.name, database.user, str(database.tls_ca)]
        done = subprocess.run(
            [sys.executable, "-m", "tools.bench.summary", *arguments, double.queue_url],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "BENCH_PASSWORD": database.password},
            stdout=subprocess.PIPE,
            check=True,
        )
        measured: dict[str, Any] = json.loads(done.stdout)
        sent = {"recipients": double.recipients, "messages": double.messages, "largest_bytes": double.largest_bytes}
    return sent | measured


def _fill_large(database: Database) -> None:
    """Every change is told to the next 200 people, round and round, so that everybody is told about ten."""
    per_change = LARGE_TARGETS // LARGE_CHANGES
    fill(database, TENANTS, LARGE_RECIPIENTS)
    table = "user_job_change_motivation_history_notification_target_users"
    with connect(database) as connection, connection.cursor() as cursor:
        fill_motivations(cursor, MotivationSizes(LARGE_RECIPIENTS, 2, 2, LARGE_CHANGES), NOON)
        cursor.execute("UPDATE users SET notifications_opted_out_at = NULL, deleted_at = NULL")
        cursor.execute(
            f"INSERT INTO {table} (user_job_change_motivation_history_id, user_id, created_at) "
            f"SELECT 1 + n DIV {per_change}, 1 + n %% {LARGE_RECIPIENTS}, %s FROM {numbers(LARGE_TARGETS)}",
            (utc(NOON + timedelta(hours=1)),),
        )
        connection.commit()


def _dispatch(database: Database, queue_url: str) -> dict[str, float]:
    client = boto3.client(
        "sqs",
        endpoint_url=queue_url.rsplit("/", 2)[0],
        region_name="ap-northeast-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the double asks for none
    )
    session = Session(database)
    dispatch = DispatchSummaries(
        MySqlSummaryStore(session, database),
        Queue(client, queue_url),
        lambda: MORNING_AFTER,
        CheckSettings().rate_per_s,
    )
    began_s = time.perf_counter()
    dispatched = dispatch(DAY)
    wall_s = time.perf_counter() - began_s
    session.close()
    client.close()
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "changes": dispatched.changes,
        "wall_s": round(wall_s, 1),
        "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "peak_mb": round(_peak_kb() / 1024, 1),
    }


def _peak_kb() -> int:
    """Of this program only: getrusage's figure begins with that of the process which started it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    host, port, name, user, tls_ca, url = sys.argv[1:]
    here = Database(host, int(port), name, user, os.environ["BENCH_PASSWORD"], tls_ca)
    sys.stdout.write(json.dumps(_dispatch(here, url)))
