"""Registering on MySQL: how many statements it takes, its plans, two at once, and a server that goes away."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pymysql
import pytest
from pymysql.cursors import Cursor, DictCursor

from tests.support.imports import ETAG, NOON, MySqlImports, at, chunk_of, key_of, line_id, report_of
from tools.bench.database import fill
from yomawari.adapters.mysql import registrations
from yomawari.adapters.mysql.connection import Database, Session, connect
from yomawari.adapters.mysql.import_reports import ERRORS
from yomawari.adapters.mysql.memory import AccountRow
from yomawari.adapters.mysql.registrations import IDS, KNOWN, OWNERS, RELEASED, MySqlRegistrationStore
from yomawari.messages import RegistrationChunk, RegistrationRow
from yomawari.usecases.import_ports import Registered
from yomawari.usecases.ports import Unavailable


@pytest.fixture
def imports(database: Database) -> Iterator[MySqlImports]:
    real = MySqlImports(database)
    real.add_tenant(1)
    for import_id in ("first", "second"):
        real.imports.begin(key_of(import_id), ETAG, NOON)
    yield real
    real.close()


def rows(count: int, first: int = 1, links_from: int = 0) -> list[RegistrationRow]:
    return [(n, f"key {n}", line_id(links_from + n), None) for n in range(first, first + count)]


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent to the server, by its first words."""
    sent: list[str] = []
    query: Any = Cursor._query  # type: ignore[attr-defined] # the stubs know what is public

    def noted(cursor: Cursor, sql: Any) -> Any:
        text = sql if isinstance(sql, str) else bytes(sql).decode()
        sent.append(" ".join(text.split()[:3]))
        return query(cursor, sql)

    monkeypatch.setattr(Cursor, "_query", noted)
    return sent


FIRST_TIME = [
    "SELECT tenant_id, releases",
    "INSERT IGNORE INTO",
    "SELECT s.external_key, s.id,",
    "SELECT line_user_id, job_seeker_id",
    "INSERT INTO job_seekers",
    "SELECT GROUP_CONCAT(id ORDER",
    "INSERT INTO line_accounts",
    "UPDATE imports SET",
]


MOST = 11


@pytest.mark.parametrize("count", [1, 2, 20, 500])
def test_the_statements_of_a_chunk_do_not_grow_with_its_rows(
    imports: MySqlImports, statements: list[str], count: int
) -> None:
    def sent(chunk: RegistrationChunk) -> list[str]:
        imports.session.transact(lambda _: None)  # a connection is opened by now
        statements.clear()
        imports.registrations.register(chunk, NOON)
        return list(statements)

    assert sent(chunk_of(*rows(count))) == FIRST_TIME
    assert sent(chunk_of(*rows(count))) == FIRST_TIME[:2]
    assert len(sent(chunk_of(*rows(count), import_id="second"))) == 5
    moved = chunk_of(*rows(count, links_from=1_000), import_id="second", number=1)
    assert len(sent(moved)) == 7
    if count > 2:
        new, known = rows(count // 2, first=2_001), rows(count - count // 2, links_from=5_000)
        new[0] = (2_001, "key 2001", line_id(1_001), None)  # another's, so that there is an error to note, too
        assert len(sent(chunk_of(*new, *known, import_id="second", number=2))) == MOST


def test_a_link_that_somebody_else_makes_meanwhile_is_found_on_a_second_look(
    imports: MySqlImports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never is the other one's row given away."""
    write = registrations._write_parents
    looks: list[int] = []

    def overtaken(*args: Any) -> Any:
        looks.append(1)
        if len(looks) == 1:
            imports.add_seeker(1, 900, "other", None, AccountRow(line_id(1)))
        return write(*args)

    monkeypatch.setattr(registrations, "_write_parents", overtaken)
    chunk = chunk_of((1, "a", line_id(1), None), (2, "b", line_id(2), None))
    assert imports.registrations.register(chunk, NOON) == Registered(registered=1, rejected=1)
    assert len(looks) == 2
    assert imports.links() == {"other": (None, AccountRow(line_id(1))), "b": (None, AccountRow(line_id(2)))}
    assert report_of(imports).rejected == 1


def test_one_who_is_overtaken_again_and_again_gives_the_chunk_back(
    imports: MySqlImports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registrations, "_owned_by_others", lambda *_, **__: [])
    imports.add_seeker(1, 900, "other", None, AccountRow(line_id(1)))
    with pytest.raises(Unavailable, match="somebody else"):
        imports.registrations.register(chunk_of((1, "a", line_id(1), None)), NOON)
    assert imports.links().keys() == {"other"}
    assert imports.run("SELECT COUNT(*) FROM import_chunks") == ((0,),)


def test_other_errors_are_raised_at_once(imports: MySqlImports) -> None:
    imports.run("ALTER TABLE job_seekers ADD CONSTRAINT short CHECK (CHAR_LENGTH(external_key) < 3)")
    with pytest.raises(pymysql.MySQLError, match="short"):
        imports.registrations.register(chunk_of(*rows(1)), NOON)


def test_two_registrars_with_the_same_chunks_of_two_imports_do_each_once(
    imports: MySqlImports, database: Database
) -> None:
    chunks = [
        chunk_of(*rows(40, first=1 + 20 * number), number=number, import_id=import_id)
        for number in range(0, 10, 2)
        for import_id in ("first", "second")
    ]

    def register(order: list[RegistrationChunk]) -> int:
        session = Session(database)
        store = MySqlRegistrationStore(session)
        done = [store.register(chunk, NOON) for chunk in order]
        session.close()
        return sum(one.registered for one in done if isinstance(one, Registered))

    with ThreadPoolExecutor(3) as threads:
        registered = sum(threads.map(register, [chunks, chunks[::-1], chunks[1:] + chunks[:1]]))
    keys = len(imports.links())
    assert keys == 200
    assert registered >= keys
    for import_id in ("first", "second"):
        report = report_of(imports, import_id)
        assert report.registered + report.updated == 5 * 40
        assert report.rejected == 0


def test_two_who_see_the_end_at_once_end_it_once(imports: MySqlImports, database: Database) -> None:
    imports.registrations.register(chunk_of(*rows(3)), NOON)
    imports.imports.all_sent("first", 3, 1, 0)

    def end(seconds: int) -> object:
        other = MySqlImports(database)
        event = other.ends.end("first", at(seconds))
        other.close()
        return event

    with ThreadPoolExecutor(4) as threads:
        events = list(threads.map(end, range(4)))
    ended_at = report_of(imports).ended_at
    events.append(end(9))
    assert all(event == events[0] is not None for event in events), "announced at least once"
    assert report_of(imports).ended_at == ended_at, "it has ended once, and whoever comes later moves nothing"


def test_a_chunk_without_a_server_is_unavailable(database: Database) -> None:
    session = Session(replace(database, port=1), lambda _: None, lambda: 0.0)
    with pytest.raises(Unavailable, match="MySQL"):
        MySqlRegistrationStore(session).register(chunk_of(*rows(1)), NOON)


def test_a_child_never_exists_without_its_parent(imports: MySqlImports) -> None:
    with pytest.raises(pymysql.IntegrityError):
        imports.run("INSERT INTO line_accounts (tenant_id, job_seeker_id, line_user_id) VALUES (1, 77, 'U')")


@pytest.fixture
def explain(database: Database) -> Iterator[Any]:
    fill(database, 10, 5_000)
    with connect(database, DictCursor) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO imports (import_id, tenant_id, object_key, etag, state, created_at)"
            " SELECT CONCAT('i', id), id, '', '', 'splitting', NOW() FROM job_seekers WHERE id < 10"
        )
        cursor.execute("INSERT INTO import_errors SELECT 'i1', id, NULL, '' FROM job_seekers")
        cursor.execute("INSERT INTO import_releases SELECT 'i1', line_user_id, job_seeker_id FROM line_accounts")
        cursor.execute("ANALYZE TABLE job_seekers, line_accounts, imports, import_errors, import_releases")
        cursor.fetchall()

        def plan(sql: str, args: object) -> dict[str, tuple[str, str]]:
            cursor.execute(f"EXPLAIN {sql}", args)
            steps = [row for row in cursor.fetchall() if row["table"] and not row["table"].startswith("<")]
            return {step["table"]: (step["type"], step["key"]) for step in steps}

        yield plan


def test_every_look_is_by_a_key(explain: Any) -> None:
    keys = tuple(str(n) for n in range(100))
    by_key = ("range", "job_seekers_external_key")
    assert explain(IDS, (1, keys)) == {"job_seekers": by_key}
    assert explain(KNOWN, (1, keys)) == {"s": by_key, "a": ("eq_ref", "PRIMARY")}
    line_ids = tuple(line_id(n) for n in range(100))
    assert explain(OWNERS, (1, line_ids)) == {"line_accounts": ("range", "line_accounts_line_user")}
    assert explain(RELEASED, ("i1", line_ids)) == {"import_releases": ("range", "PRIMARY")}
    assert explain(ERRORS, ("i1", 100, 20)) == {"import_errors": ("range", "PRIMARY")}
