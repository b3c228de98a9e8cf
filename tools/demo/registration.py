"""The demonstration's job seekers come in through bulk registration: files into the bucket, verified row by row."""

import gzip
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from typing import Any, Final

from pymysql.cursors import Cursor
from rich.console import Console
from rich.live import Live

from tools.cli.imports import upload, watch_import
from tools.cli.target import Target
from tools.local_stack import StackState
from tools.seed.job_seekers import INVALID_EVERY, seed_tenants
from yomawari.domain.imports import ImportReport

_SECONDS_PER_ROW: Final = 0.002
_ENDINGS: Final = ("csv", "csv.gz", "ndjson", "ndjson.gz")

# What an older system, which looked less closely, has left behind: the round must cope with LINE ids that are none.
_OLDER: Final = "INSERT INTO job_seekers (tenant_id, external_key) VALUES (%s, %s)"
_OLDER_ACCOUNT: Final = "INSERT INTO line_accounts (tenant_id, job_seeker_id, line_user_id) VALUES (%s, %s, %s)"

_PARENTS: Final = """
SELECT tenant_id, COUNT(*), CAST(SUM(external_key = CONCAT('seeker-', CAST(SUBSTRING(external_key, 8) AS UNSIGNED))
                                     AND CAST(SUBSTRING(external_key, 8) AS UNSIGNED) < %s) AS SIGNED)
FROM job_seekers WHERE tenant_id = %s GROUP BY tenant_id
"""
_CHILDREN: Final = """
SELECT COUNT(*), CAST(COALESCE(SUM(CAST(a.line_user_id AS BINARY) = CAST(CONCAT(
    IF((CAST(SUBSTRING(s.external_key, 8) AS UNSIGNED) + 1) %% %s = 0, 'u', 'U'),
    MD5(CONCAT(s.tenant_id, ':', s.external_key))) AS BINARY)), 0) AS SIGNED)
FROM line_accounts a LEFT JOIN job_seekers s ON s.id = a.job_seeker_id AND s.tenant_id = a.tenant_id
WHERE a.tenant_id = %s
"""


@dataclass(frozen=True, slots=True)
class Registration:
    """What came of it: figures for `.local/demo.json`, and what is wrong, in words."""

    figures: dict[str, Any]
    problems: list[str]


def register(
    stack: StackState, sizes: Sequence[int], console: Console, *, without_token: frozenset[int]
) -> Registration:
    """Make the tenants, and register the job seekers of each with a file of its own; the smallest one's file twice.

    A row in a thousand has a LINE id that is none, and every file's last row repeats its first: they are rejected.
    """
    target = Target(stack.stack_name, stack)
    seed_tenants(stack, len(sizes), without_token=without_token)
    _leave_older_rows(stack, sizes)
    began_s = time.monotonic()
    imports = [_put(target, tenant_id, size, f"demo-{tenant_id}") for tenant_id, size in enumerate(sizes, start=1)]
    with Live(console=console, refresh_per_second=4, transient=True) as show:
        timeout_s = 300 + sum(sizes) * _SECONDS_PER_ROW
        reports = [watch_import(target, import_id, show, timeout_s) for import_id in imports]
        again = watch_import(target, _put(target, len(sizes), sizes[-1], "demo-again"), show, timeout_s)
    seconds = time.monotonic() - began_s
    problems = [*_miscounted(sizes, reports, again), *_wrong_rows(stack, sizes)]
    figures = _figures([*reports, again], seconds) | {"verified": not problems}
    console.print({"registration": figures})
    return Registration(figures, problems)


def _rows(tenant_id: int, size: int) -> Iterator[tuple[str, str]]:
    """The keys and LINE ids of a tenant's file, the same each time; the last row is the first again."""
    for n in [*range(size), 0]:
        key = f"seeker-{n}"
        yield key, line_user_id(tenant_id, key, is_valid=not _is_older(n))


def line_user_id(tenant_id: int, key: str, *, is_valid: bool) -> str:
    """The LINE id of a job seeker, by the rule of tools/seed; an invalid one begins with a small u."""
    digest = md5(f"{tenant_id}:{key}".encode(), usedforsecurity=False).hexdigest()
    return f"{'U' if is_valid else 'u'}{digest}"


def _is_older(n: int) -> bool:
    return (n + 1) % INVALID_EVERY == 0


def _leave_older_rows(stack: StackState, sizes: Sequence[int]) -> None:
    with stack.database.connect() as connection, connection.cursor() as cursor:
        connection.select_db(stack.database.name)
        for tenant_id, size in enumerate(sizes, start=1):
            for n in range(INVALID_EVERY - 1, size, INVALID_EVERY):
                key = f"seeker-{n}"
                cursor.execute(_OLDER, (tenant_id, key))
                account = (tenant_id, cursor.lastrowid, line_user_id(tenant_id, key, is_valid=False))
                cursor.execute(_OLDER_ACCOUNT, account)
        connection.commit()


def _put(target: Target, tenant_id: int, size: int, import_id: str) -> str:
    """Upload a tenant's file, in one of the four forms by turns."""
    assert target.local is not None
    ending = _ENDINGS[tenant_id % len(_ENDINGS)]
    file = target.local.directory / "tmp" / f"{import_id}.{ending}"
    _write(file, tenant_id, size)
    upload(target, file, tenant_id, import_id)
    file.unlink()
    return import_id


def _write(file: Path, tenant_id: int, size: int) -> None:
    is_csv = ".csv" in file.suffixes
    # Level 1: the file does not live long.
    with gzip.open(file, "wt", 1) if file.suffix == ".gz" else file.open("w") as opened:
        if is_csv:
            opened.write("line_user_id,external_key\n")
        for key, line_id in _rows(tenant_id, size):
            row = f"{line_id},{key}" if is_csv else json.dumps({"external_key": key, "line_user_id": line_id})
            opened.write(f"{row}\n")


def _miscounted(sizes: Sequence[int], reports: Sequence[ImportReport], again: ImportReport) -> list[str]:
    expected = {}
    for tenant_id, size in enumerate(sizes, start=1):
        older = size // INVALID_EVERY
        expected[f"demo-{tenant_id}"] = (size + 1, size - older, 0, older + 1)
    last = sizes[-1] // INVALID_EVERY
    expected["demo-again"] = (sizes[-1] + 1, 0, sizes[-1] - last, last + 1)
    return [
        f"import {one.import_id}: {one.state}, (rows, registered, updated, rejected) are {counts}, not {wanted}"
        for one in [*reports, again]
        if (counts := (one.rows, one.registered, one.updated, one.rejected)) != (wanted := expected[one.import_id])
        or one.state != "completed_with_errors"
    ]


def _wrong_rows(stack: StackState, sizes: Sequence[int]) -> list[str]:
    """Hold parents and children against the files: all keys, each once, and every child with its parent's LINE id."""
    problems = []
    with stack.database.connect() as connection, connection.cursor() as cursor:
        connection.select_db(stack.database.name)
        for tenant_id, size in enumerate(sizes, start=1):
            parents = _one(cursor, _PARENTS, (size, tenant_id))[1:]
            children = _one(cursor, _CHILDREN, (INVALID_EVERY, tenant_id))
            if (parents, children) != ((size, size), (size, size)):
                problems.append(
                    f"tenant {tenant_id}: {parents} parents and {children} children (all, right), not {size}"
                )
        cursor.execute("ANALYZE TABLE job_seekers, line_accounts")
    return problems


def _one(cursor: Cursor, sql: str, args: tuple[int, ...]) -> tuple[int, ...]:
    cursor.execute(sql, args)
    return cursor.fetchone() or (tuple[int, ...]())


def _figures(reports: Sequence[ImportReport], seconds: float) -> dict[str, Any]:
    rows = sum(report.rows or 0 for report in reports)
    return {
        "rows": rows,
        "registered": sum(report.registered for report in reports),
        "updated": sum(report.updated for report in reports),
        "rejected": sum(report.rejected for report in reports),
        "seconds": round(seconds, 1),
        "rows_per_s": round(rows / seconds),
    }
