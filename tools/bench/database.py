"""A private MariaDB for the benchmarks, filled with as many job seekers as wanted."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.bench.private_server import PrivateServer
from yomawari.adapters.mysql.connection import Database, connect

# 100,000 rows out of five copies of ten digits: runs on MariaDB and MySQL alike, and within a connection's patience.
_DIGITS = " UNION ALL ".join(f"SELECT {digit} AS d" for digit in range(10))
_AT_ONCE = 100_000
_PLACES = ", ".join(f"({_DIGITS}) AS {name}" for name in ("p0", "p1", "p2", "p3", "p4"))
_NUMBER = "p0.d + 10 * p1.d + 100 * p2.d + 1000 * p3.d + 10000 * p4.d"
_JOB_SEEKERS = f"""
INSERT INTO job_seekers (id, tenant_id, external_key)
SELECT n + 1, n DIV %(per_tenant)s + 1, n
FROM (SELECT %(first)s + {_NUMBER} AS n FROM {_PLACES}) numbers WHERE n < %(seekers)s ORDER BY n
"""
_LINE_ACCOUNTS = f"""
INSERT INTO line_accounts (tenant_id, job_seeker_id, line_user_id, friend_status)
SELECT tenant_id, id, CONCAT('U', MD5(id)), 'friend' FROM job_seekers
WHERE id > %(first)s AND id <= %(first)s + {_AT_ONCE} ORDER BY tenant_id, id
"""


@contextmanager
def private_database() -> Iterator[Database]:
    """An empty database with the project's schema on a server of its own; gone afterwards, files and all."""
    with tempfile.TemporaryDirectory(prefix="yomawari-bench-") as directory:
        server = PrivateServer(Path(directory))
        try:
            yield server.fresh("yomawari")
        finally:
            server.stop()


def fill(database: Database, tenants: int, seekers: int) -> None:
    """Make tenants 1 to `tenants` with job seekers 1 to `seekers`, spread evenly: ids run on within a tenant.

    Digests make LINE ids as incompressible and as unordered as real ones.
    """
    per_tenant = seekers // tenants
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO tenants (id, name) VALUES (%s, 'tenant')", [(n + 1,) for n in range(tenants)])
        cursor.execute(
            "INSERT INTO line_channels (tenant_id, channel_id, check_by) SELECT id, id, 'profile' FROM tenants"
        )
        cursor.execute("SET foreign_key_checks = 0, unique_checks = 0")
        for first in range(0, per_tenant * tenants, _AT_ONCE):
            args = {"first": first, "per_tenant": per_tenant, "seekers": per_tenant * tenants}
            cursor.execute(_JOB_SEEKERS, args)
            cursor.execute(_LINE_ACCOUNTS, args)
            connection.commit()
