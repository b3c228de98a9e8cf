"""Bulk registration: rows a second through split and register by size of the file, and the two shapes it replaces."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import md5
from io import FileIO
from math import log
from pathlib import Path
from typing import Any, BinaryIO, cast

from tools.bench.private_server import PrivateServer
from yomawari.adapters.claims import open_claims
from yomawari.adapters.events_fake import EventBusFake
from yomawari.adapters.mysql.connection import Database, Rows, Session, connect
from yomawari.adapters.mysql.imports import MySqlImportEndStore, MySqlImportStore
from yomawari.adapters.mysql.registrations import MySqlRegistrationStore
from yomawari.messages import Malformed, RegistrationChunk, read
from yomawari.messages.s3 import ObjectCreated
from yomawari.usecases.conclude_import import ConcludeImport
from yomawari.usecases.import_ports import StoredFile
from yomawari.usecases.ports import Outgoing
from yomawari.usecases.register_seekers import RegisterSeekers
from yomawari.usecases.split_import import SplitImport

SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
REPLACED_UP_TO = SLOPE_FROM = 10_000
KEY = "imports/1/bench.csv"

TARGET_ROWS_PER_S = 10_000
TARGET_SLOPE = 1.05
TARGET_PEAK_MB = 256.0


def run(sizes: Sequence[int] = SIZES) -> dict[str, Any]:
    """Import CSV files of all sizes into an empty database each, by one process and one connection at a time.

    Held against the targets is the time on one core: all that the functions and MySQL have used of processors, as if
    they had to share one. The time by the clock stands beside it; on a machine with other work it says as much of that.
    The rows a second are held against theirs at the largest size only; those of the others stand beside it.
    """
    figures: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="yomawari-bench-") as directory:
        server = PrivateServer(Path(directory))
        try:
            for size in sizes:
                figures |= _size(server, Path(directory), size)
        finally:
            server.stop()
    first, last = figures[_case(SLOPE_FROM)], figures[_case(sizes[-1])]
    for time_ in ("core_s", "seconds"):
        slope = log(last[time_] / first[time_]) / log(sizes[-1] / SLOPE_FROM)
        last[f"slope_{time_}"] = round(slope, 3)
    peaks_mb = [case[name] for case in figures.values() for name in ("split_mb", "register_mb") if name in case]
    reached = (
        last["slope_core_s"] <= TARGET_SLOPE
        and last["rows_per_core_s"] >= TARGET_ROWS_PER_S
        and max(peaks_mb) < TARGET_PEAK_MB
    )
    targets = {
        f"rows_per_core_s at {_case(sizes[-1])}": TARGET_ROWS_PER_S,
        "slope": TARGET_SLOPE,
        "peak_mb": TARGET_PEAK_MB,
    }
    return {"figures": figures, "targets": targets, "reached": reached}


def _case(size: int) -> str:
    return f"{size:,} rows"


def _size(server: PrivateServer, directory: Path, size: int) -> dict[str, dict[str, Any]]:
    file = directory / "rows.csv"
    _write_file(file, size)
    with _fresh(server) as database:
        before_s = _mysql_cpu_s(database)
        split = _step("split", database, file)
        register = _step("register", database, file)
        mysql_s = _mysql_cpu_s(database) - before_s
        _check(database, size)
    seconds, core_s = split["s"] + register["s"], split["cpu_s"] + register["cpu_s"] + mysql_s
    figures: dict[str, dict[str, Any]] = {
        _case(size): {
            "rows_per_s": round(size / seconds),
            "seconds": round(seconds, 3),
            "split_s": round(split["s"], 3),
            "register_s": round(register["s"], 3),
            "core_s": round(core_s, 3),
            "rows_per_core_s": round(size / core_s),
            "split_mb": split["peak_mb"],
            "register_mb": register["peak_mb"],
        }
    }
    if size <= REPLACED_UP_TO:
        for name, way in (("linear search", _linear_search), ("row by row", _row_by_row)):
            taken_s = _replaced(server, way, size)
            replaced = {"rows_per_s": round(size / taken_s), "seconds": round(taken_s, 3)}
            figures[f"{_case(size)}, {name}"] = replaced
    return figures


def _mysql_cpu_s(database: Database) -> float:
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@pid_file")
        pid = Path(cursor.fetchall()[0][0]).read_text(encoding="utf-8").strip()
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rows(size: int) -> Iterator[tuple[str, str]]:
    """Keys and LINE ids; digests make these as unordered as real ones."""
    return ((f"seeker-{n}", f"U{md5(str(n).encode(), usedforsecurity=False).hexdigest()}") for n in range(size))


def _write_file(file: Path, size: int) -> None:
    with file.open("w", encoding="utf-8", newline="") as opened:
        opened.write("external_key,line_user_id\r\n")
        opened.writelines(f"{key},{line_id}\r\n" for key, line_id in _rows(size))


@contextmanager
def _fresh(server: PrivateServer) -> Iterator[Database]:
    database = server.fresh("yomawari")
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO tenants (id, name) VALUES (1, 'tenant')")
        connection.commit()
    yield database
    server.drop(database)


def _check(database: Database, size: int) -> None:
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT state, registered FROM imports")
        ended = cursor.fetchone()
        cursor.execute("SELECT COUNT(*) FROM line_accounts a JOIN job_seekers s ON s.id = a.job_seeker_id")
        children = cursor.fetchall()[0][0]
    if (ended, children) != (("completed", size), size):
        raise AssertionError(f"{size} rows were to be registered: {ended}, {children} children with a parent")


def _step(name: str, database: Database, file: Path) -> dict[str, float]:
    """A step in a process of its own, whose memory is the function's."""
    arguments = [database.host, str(database.port), database.name, database.user, str(database.tls_ca), str(file)]
    done = subprocess.run(
        [sys.executable, "-m", "tools.bench.registration", name, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "BENCH_PASSWORD": database.password},
        stdout=subprocess.PIPE,
        check=True,
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


class _LocalFiles:
    """The bucket is a file of this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self, file: StoredFile) -> BinaryIO:
        """The file, whatever it is called."""
        del file
        return cast("BinaryIO", FileIO(self._path))


class _Spool:
    """The queue is a file as well: a body a line."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="ascii")

    def send(self, messages: Sequence[Outgoing]) -> None:
        """Append them."""
        self._file.writelines(f"{message.body}\n" for message in messages)
        self._file.flush()


def _split(session: Session, file: Path) -> None:
    place = {"bucket": {"name": "files"}, "object": {"key": KEY, "etag": "bench"}}
    event = {"source": "aws.s3", "detail-type": "Object Created", "detail": place}
    spool = _Spool(file.with_suffix(".spool"))
    store, conclude = MySqlImportStore(session), _conclude(session)
    SplitImport(_LocalFiles(file), open_claims, store, spool, conclude, _now)(ObjectCreated.model_validate(event))


def _register(session: Session, file: Path) -> None:
    register = RegisterSeekers(MySqlRegistrationStore(session), _conclude(session), _now)
    with file.with_suffix(".spool").open(encoding="ascii") as bodies:
        for body in bodies:
            chunk = read(RegistrationChunk, body)
            if isinstance(chunk, Malformed):
                raise TypeError(chunk.reason)
            register(chunk)


def _conclude(session: Session) -> ConcludeImport:
    return ConcludeImport(MySqlImportEndStore(session), EventBusFake(), _now)


def _now() -> datetime:
    return datetime.now(UTC)


def _replaced(server: PrivateServer, way: Callable[[Any, int], None], size: int) -> float:
    with _fresh(server) as database, connect(database) as connection:
        began_s = time.perf_counter()
        with connection.cursor() as cursor:
            way(cursor, size)
        connection.commit()
        return time.perf_counter() - began_s


def _linear_search(cursor: Any, size: int) -> None:  # noqa: ANN401 - as pymysql types it
    """All parents at once, and each child's parent looked for in a list of them."""
    rows = list(_rows(size))
    cursor.execute("INSERT INTO job_seekers (tenant_id, external_key) VALUES %s", (Rows((1, key) for key, _ in rows),))
    cursor.execute("SELECT id, external_key FROM job_seekers WHERE tenant_id = 1")
    parents = cursor.fetchall()
    children = Rows((1, next(one[0] for one in parents if one[1] == key), line_id) for key, line_id in rows)
    cursor.execute("INSERT INTO line_accounts (tenant_id, job_seeker_id, line_user_id) VALUES %s", (children,))


def _row_by_row(cursor: Any, size: int) -> None:  # noqa: ANN401 - as above
    """A parent, then its child, one after another."""
    for key, line_id in _rows(size):
        cursor.execute("INSERT INTO job_seekers (tenant_id, external_key) VALUES (1, %s)", (key,))
        sql = "INSERT INTO line_accounts (tenant_id, job_seeker_id, line_user_id) VALUES (1, %s, %s)"
        cursor.execute(sql, (cursor.lastrowid, line_id))


def _peak_mb() -> float:
    """Of this program only: getrusage's figure begins with that of the process which started it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return round(peak_kb / 1024, 1)


if __name__ == "__main__":
    step, host, port, name, user, tls_ca, path = sys.argv[1:]
    here = Session(Database(host, int(port), name, user, os.environ["BENCH_PASSWORD"], tls_ca))
    began, cpu = time.perf_counter(), time.process_time()
    {"split": _split, "register": _register}[step](here, Path(path))
    used = {"s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu, "peak_mb": _peak_mb()}
    sys.stdout.write(json.dumps(used))
