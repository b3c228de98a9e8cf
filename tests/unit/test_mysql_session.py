"""Which errors a transaction is tried again after; real servers raise them in tests/component/test_mysql_faults.py."""

from typing import Any, Self

import pymysql
import pytest
from pymysql.cursors import Cursor

from yomawari.adapters.mysql import connection
from yomawari.adapters.mysql.connection import TRIES, Database, Session
from yomawari.usecases.ports import Unavailable

DATABASE = Database("127.0.0.1", 3306, "name", "user", "password")


class ConnectionStub:
    """Counts what is done with it."""

    def __init__(self) -> None:
        self.commits = 0
        self.is_closed = False

    def cursor(self) -> Self:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def commit(self) -> None:
        self.commits += 1

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[ConnectionStub]:
    made: list[ConnectionStub] = []

    def connect(_: Database) -> ConnectionStub:
        made.append(ConnectionStub())
        return made[-1]

    monkeypatch.setattr(connection, "connect", connect)
    return made


class Failing:
    """Work that raises some errors first."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def __call__(self, _: Cursor) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def session(slept: list[float] | None = None) -> Session:
    return Session(DATABASE, (slept if slept is not None else []).append, lambda: 0.5)


@pytest.mark.parametrize("errno", [1213, 1205, 2006, 2013, 1290, 1836, 1053, 2003, 1040, 1927])
def test_an_error_that_passes_is_tried_again_on_a_new_connection(opened: list[ConnectionStub], errno: int) -> None:
    assert session().transact(Failing(pymysql.OperationalError(errno, "x"))) == "done"
    assert [(one.is_closed, one.commits) for one in opened] == [(True, 0), (False, 1)]


def test_the_waits_grow_to_a_cap_and_the_tries_end(opened: list[ConnectionStub]) -> None:
    slept: list[float] = []
    with pytest.raises(Unavailable, match="1213"):
        session(slept).transact(Failing(*[pymysql.OperationalError(1213, "x")] * TRIES))
    assert slept == [0.025, 0.05, 0.1, 0.2, 0.4]
    assert len(opened) == TRIES
    assert all(one.is_closed for one in opened)


@pytest.mark.parametrize("error", [pymysql.ProgrammingError(1064, "x"), pymysql.DataError(1406, "x"), KeyError("x")])
def test_any_other_error_is_raised_at_once_and_rolled_back(opened: list[ConnectionStub], error: Exception) -> None:
    with pytest.raises(type(error)):
        session().transact(Failing(error))
    assert [(one.is_closed, one.commits) for one in opened] == [(True, 0)]


def test_one_connection_serves_many_transactions(opened: list[ConnectionStub]) -> None:
    lasting = session()
    for _ in range(3):
        lasting.transact(Failing())
    lasting.close()
    assert [(one.is_closed, one.commits) for one in opened] == [(True, 3)]


def test_a_connection_that_cannot_be_closed_is_left_behind(
    opened: list[ConnectionStub], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Any) -> None:
        raise pymysql.Error("Already closed")

    monkeypatch.setattr(ConnectionStub, "close", fail)
    assert session().transact(Failing(pymysql.OperationalError(2013, "x"))) == "done"
    assert len(opened) == 2


def test_a_password_is_not_shown() -> None:
    assert "password" not in repr(DATABASE)
