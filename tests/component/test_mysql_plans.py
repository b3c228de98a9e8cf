"""The server's own plans for the statements that touch millions of rows: the primary key, and nothing sorted."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymysql.cursors import Cursor, DictCursor

from tests.support.rounds import NIGHT, RUN, MySqlRounds, Seeding, at
from yomawari.adapters.mysql.connection import Database, Ids, connect, utc
from yomawari.adapters.mysql.dispatch import ENUMERATE
from yomawari.adapters.mysql.settle import LOCK_ROWS, NOTE_CHANGES, NOTE_LOSSES, SETTLE, SETTLED_AMONG, rows_of
from yomawari.adapters.mysql.valve import NOT_INVALID, NOTE_LOST, NOTE_NOT_INVALID, WRITE_LOST, key_of
from yomawari.messages import CheckResults

SEEKERS = 400


@pytest.fixture
def explain(database: Database) -> Iterator[Any]:
    rounds = MySqlRounds(database)
    for tenant_id in range(1, 6):
        Seeding(rounds).tenant(tenant_id, SEEKERS)
    rounds.close()
    with connect(database, DictCursor) as connection, connection.cursor() as cursor:
        cursor.execute("ANALYZE TABLE line_accounts")

        def plan(sql: str, args: dict[str, object], table: str = "line_accounts") -> dict[str, Any]:
            cursor.execute(f"EXPLAIN {sql}", args)
            return next(row for row in cursor.fetchall() if row["table"] == table)

        yield plan


def test_the_enumeration_walks_the_primary_key(explain: Any) -> None:
    plan = explain(ENUMERATE, {"tenants": Ids([1, 2, 4]), "run": RUN, "nights": 7, "weekday": 4})
    assert plan["key"] == "PRIMARY"
    assert "filesort" not in plan["Extra"]
    assert "temporary" not in plan["Extra"]


@pytest.mark.parametrize(
    "sql",
    [SETTLE, NOTE_CHANGES, NOTE_LOSSES, SETTLED_AMONG],
    ids=["settle", "note changes", "note losses", "settled among"],
)
def test_settling_reads_one_stretch_of_the_primary_key(explain: Any, sql: str) -> None:
    ids = list(range(2_001, 2_101))
    moments = {"observed": utc(NIGHT), "began": utc(NIGHT)}
    args = key_of(RUN, 2) | moments | {"outcome": "friend"} | rows_of(ids)
    plan = explain(sql, args)
    assert (plan["type"], plan["key"]) == ("range", "PRIMARY")
    assert int(plan["rows"]) <= len(ids) * 1.1


def test_the_tenants_turn_is_one_row_of_the_primary_key(explain: Any) -> None:
    plan = explain(LOCK_ROWS, {"tenant": 2})
    assert plan["key"] == "PRIMARY"
    assert "filesort" not in plan["Extra"]


@pytest.mark.parametrize("sql", [NOTE_LOST, WRITE_LOST], ids=["note lost", "write lost"])
def test_each_loss_is_looked_up_by_the_primary_key(explain: Any, sql: str) -> None:
    plan = explain(sql, key_of(RUN, 2), "a")
    assert (plan["type"], plan["key"]) == ("eq_ref", "PRIMARY")


@pytest.mark.parametrize("sql", [NOTE_NOT_INVALID, NOT_INVALID], ids=["note", "take back"])
def test_taking_back_reads_one_tenant_and_looks_its_changes_up(explain: Any, sql: str) -> None:
    assert explain(sql, key_of(RUN, 2), "a")["key"] == "PRIMARY"
    assert explain(sql, key_of(RUN, 2), "c")["key"] == "line_friend_status_changes_seeker"


def test_the_usual_message_pays_nothing_for_those_passed_over(database: Database) -> None:
    """Two locks, the changes, the answers, the counters and the commit; looking for who is missing would be more."""
    rounds = MySqlRounds(database)
    ids = Seeding(rounds).tenant(1, 20)
    Seeding(rounds).dispatched(RUN, {1: 20})

    def statements() -> int:
        return rounds.session.transact(_statements)

    def cost(message: CheckResults) -> int:
        before = statements()
        rounds.settle.settle(message)
        return statements() - before - cost_of_looking

    cost_of_looking = -(statements() - statements())
    usual = CheckResults(run_id=RUN, tenant_id=1, observed_at=at(60), friend=ids[:10])
    assert cost(usual) == 6
    with_somebody_gone = usual.model_copy(update={"friend": [*ids[10:15], 1_999]})
    assert cost(with_somebody_gone) == 8
    rounds.close()


def _statements(cursor: Cursor) -> int:
    cursor.execute("SHOW SESSION STATUS LIKE 'Questions'")
    return int(cursor.fetchall()[0][1])
