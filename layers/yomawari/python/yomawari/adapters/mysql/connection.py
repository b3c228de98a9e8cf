"""One MySQL connection that lives as long as the container, and its transactions, retried where that can help.

A transaction that failed is never continued: its connection is closed, so the server rolls it back, and the next try
begins on a new one. That covers a deadlock, a restart and a failover alike, and makes a ping before each transaction
needless: a connection that died while the container was frozen costs one more try.
"""

import logging
import random
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import pymysql
from pymysql.connections import MySQLResult
from pymysql.constants import CLIENT, CR, ER
from pymysql.converters import conversions, escape_datetime, escape_string
from pymysql.cursors import Cursor, SSCursor

from yomawari.domain.backoff import full_jitter_us
from yomawari.usecases.ports import Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")
Row = tuple[Any, ...]

TRIES: Final = 6
_BASE_US: Final = 50_000
_CAP_US: Final = 3_000_000
_CONNECT_TIMEOUT_S: Final = 5
_IO_TIMEOUT_S: Final = 30

# 1927 is MariaDB's "connection was killed"; 1836 and 1290 come from a server that a failover made read-only.
_PASSING: Final = frozenset(
    {
        ER.LOCK_DEADLOCK,
        ER.LOCK_WAIT_TIMEOUT,
        ER.OPTION_PREVENTS_STATEMENT,
        ER.SERVER_SHUTDOWN,
        ER.CON_COUNT_ERROR,
        1836,
        1927,
        CR.CR_SERVER_GONE_ERROR,
        CR.CR_SERVER_LOST,
        CR.CR_CONNECTION_ERROR,
        CR.CR_CONN_HOST_ERROR,
    }
)

# Times are UTC on both sides. The lock wait is bounded below the I/O timeout, so that the server's own error is seen.
# GROUP_CONCAT cuts without an error where its limit is (1 KB on MySQL): the limit is more than anyone can be told of.
_SESSION: Final = """
SET time_zone = '+00:00', innodb_lock_wait_timeout = 5, net_write_timeout = 300, group_concat_max_len = 67108864,
    sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'
"""
_ISOLATION: Final = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"


class Ids(tuple[int, ...]):
    """Integers for `IN %s`: bound three times as fast as a plain tuple, whose items pymysql escapes one by one."""

    __slots__ = ()


def _bound_ids(ids: Ids, _: object) -> str:
    return f"({','.join(map(int.__repr__, ids))})"


class Texts(tuple[str, ...]):
    """Strings for `IN %s`, bound four times as fast as a plain tuple, as Ids are."""

    __slots__ = ()


def _bound_texts(texts: Texts, _: object) -> str:
    return f"({','.join(map(_bound_text, texts))})"


def _bound_text(text: str) -> str:
    """Backslashes escape, because _SESSION sets a mode without NO_BACKSLASH_ESCAPES."""
    return f"'{escape_string(text)}'"


class Rows(tuple[tuple[int | str | datetime | None, ...], ...]):
    """Rows for `VALUES %s`: bound eight times as fast as by executemany, which takes each value for anything at all."""

    __slots__ = ()


def _bound_rows(rows: Rows, _: object) -> str:
    return ",".join([f"({','.join([_BOUND[type(value)](value) for value in row])})" for row in rows])


_BOUND: Final[dict[type, Callable[[Any], str]]] = {
    int: int.__repr__,
    str: _bound_text,
    datetime: escape_datetime,
    type(None): lambda _: "NULL",
}


_OWN_TYPES: Final[dict[Any, Any]] = {Ids: _bound_ids, Texts: _bound_texts, Rows: _bound_rows}


@dataclass(frozen=True, slots=True)
class Database:
    """Where MySQL is, and as whom to come; TLS is verified against `tls_ca` (a file), and not used without one."""

    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)
    tls_ca: str | None = None


def utc(moment: datetime) -> datetime:
    """A moment as the columns hold it: UTC, without an offset."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def from_utc(column: datetime) -> datetime:
    """A column's time with its offset again."""
    return column.replace(tzinfo=UTC)


def connect(database: Database, cursor: type[Cursor] = Cursor) -> "pymysql.Connection[Any]":
    """Open a connection as every statement here expects it: no autocommit, READ COMMITTED, UTC, strict.

    FOUND_ROWS makes `rowcount` the rows that an UPDATE's guard matched, changed or not.
    """
    connection = pymysql.connect(
        host=database.host,
        port=database.port,
        user=database.user,
        password=database.password,
        database=database.name,
        charset="utf8mb4",
        cursorclass=cursor,
        client_flag=CLIENT.FOUND_ROWS,
        autocommit=False,
        conv={**conversions, **_OWN_TYPES},
        init_command=_ISOLATION,
        connect_timeout=_CONNECT_TIMEOUT_S,
        read_timeout=_IO_TIMEOUT_S,
        write_timeout=_IO_TIMEOUT_S,
        ssl_ca=database.tls_ca,
        ssl_verify_cert=database.tls_ca is not None,
        ssl_verify_identity=database.tls_ca is not None,
        ssl_disabled=database.tls_ca is None,
    )
    with connection.cursor() as opened:
        opened.execute(_SESSION)
    return connection


class Session:
    """Transactions on one connection; `sleep` takes seconds, `uniform` gives numbers in [0, 1)."""

    def __init__(
        self,
        database: Database,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._sleep = sleep
        self._uniform = uniform
        self._connection: pymysql.Connection[Any] | None = None

    def transact(self, work: Callable[[Cursor], T]) -> T:
        """Run `work` in a transaction and commit it; the whole of it again after an error that passes.

        `work` must be idempotent: when the connection is lost during the commit, nobody knows whether it was done.

        Raises:
            Unavailable: the error has not passed in all tries.
            pymysql.MySQLError: any other error, at once.
        """
        for tries in range(1, TRIES + 1):
            try:
                return self._once(work)
            except pymysql.MySQLError as error:
                self.close()
                if not _passes(error):
                    raise
                if tries == TRIES:
                    raise Unavailable(f"MySQL: {error}") from error
                log.info("transaction is tried again", extra={"tries": tries, "errno": error.args[0]})
            except BaseException:
                self.close()
                raise
            self._sleep(full_jitter_us(tries, _BASE_US, _CAP_US, self._uniform()) / 1_000_000)
        raise AssertionError("unreachable: the last try returns or raises")

    def close(self) -> None:
        """Close the connection, and so roll back what it has open; the next transaction opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(pymysql.MySQLError):  # it may be the connection itself that failed
                connection.close()

    def _once(self, work: Callable[[Cursor], T]) -> T:
        if self._connection is None:
            self._connection = connect(self._database)
        with self._connection.cursor() as cursor:
            result = work(cursor)
        self._connection.commit()
        return result


def stream(database: Database, sql: str, args: Mapping[str, object]) -> Generator[Row, None, None]:
    """Read rows one by one as the server finds them, on a connection of its own; memory stays flat.

    Raises:
        Unavailable: the connection could not be made or was lost; the reader begins anew.
    """
    try:
        connection = connect(database, _StreamCursor)
        cursor = connection.cursor()
        try:
            cursor.execute(sql, args)
            yield from iter(cursor.fetchone, None)
        finally:
            cursor.abandon()
            connection.close()
    except pymysql.MySQLError as error:
        if _passes(error):
            raise Unavailable(f"MySQL: {error}") from error
        raise


class _StreamCursor(SSCursor):
    """A cursor that may be left before its end: pymysql's own then reads the rest, all two million rows of it."""

    _result: MySQLResult | None
    connection: "pymysql.Connection[Any] | None"  # type: ignore[assignment] # the stubs know none that is closed

    def abandon(self) -> None:
        """Forget the rest; the connection cannot be used any more."""
        if self._result is not None:
            self._result.unbuffered_active = False
        self.connection = None


def _passes(error: pymysql.MySQLError) -> bool:
    return bool(error.args) and error.args[0] in _PASSING
