"""The server's own plans for what is asked about motivations, at a realistic fill: no table is read whole."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from pymysql.cursors import DictCursor

from tests.support.motivations import DAY, KINDS, MIDNIGHT, TARGETS, hour
from tools.bench.database import fill
from tools.seed.motivations import MotivationSizes, fill_motivations
from yomawari.adapters.mysql import days, notifications
from yomawari.adapters.mysql.audience import AUDIENCE
from yomawari.adapters.mysql.connection import Database, Ids, connect, utc
from yomawari.adapters.mysql.deliveries import CLAIMS, SETTLED
from yomawari.adapters.mysql.summaries import CHANGES, CHANNELS_OF, TOLD

SIZES = MotivationSizes(users=2_000, connections_per_user=20, recruiters=400, changes_per_kind=100)

# A third of the changes, each to twenty people.
_TELL = """
INSERT INTO {table} (user_{kind}_motivation_history_id, user_id, created_at)
SELECT h.id, u.id, %s
FROM users u JOIN user_{kind}_motivation_histories h ON h.id %% 3 = %s AND u.id BETWEEN h.id * 10 AND h.id * 10 + 19
"""
_CLAIM = """
INSERT INTO summary_deliveries (day, user_id, tenant_id, first_attempt_at) SELECT %s, id, 1, %s FROM users
"""

_FIX = """
INSERT INTO motivation_audiences (kind, history_id, fixed_at)
SELECT '{kind}', id, %s - INTERVAL id HOUR FROM user_{kind}_motivation_histories
"""
_NOTIFY = """
INSERT INTO motivation_notifications (kind, history_id, tenant_id, recipients, told_at)
SELECT '{kind}', h.id, t.id, '[]', IF(h.id % 9, changed_at, NULL)
FROM user_{kind}_motivation_histories h JOIN tenants t
"""
_ANALYZED = "summary_deliveries, motivation_audiences, motivation_notifications, tenants, line_channels"

Explain = Callable[[str, dict[str, object]], list[dict[str, Any]]]


@pytest.fixture
def explain(database: Database) -> Iterator[Explain]:
    """A plan's steps on stored tables; what a step reads of an earlier one's result (`<derived2>`) is left out."""
    fill(database, 10, 3_000)
    with connect(database, DictCursor) as connection, connection.cursor() as cursor:
        fill_motivations(cursor, SIZES, hour(12))
        for kind in KINDS:
            for day in (-1, 0, 1):
                told_at = utc(hour(12) + timedelta(days=day))
                cursor.execute(_TELL.format(kind=kind, table=TARGETS[kind]), (told_at, day + 1))
            cursor.execute(f"ANALYZE TABLE {TARGETS[kind]}")
        for kind in KINDS:
            cursor.execute(_FIX.format(kind=kind), (utc(MIDNIGHT),))
            cursor.execute(_NOTIFY.format(kind=kind))
        cursor.execute(_CLAIM, (DAY, utc(MIDNIGHT)))
        cursor.execute(f"ANALYZE TABLE {_ANALYZED}")
        connection.commit()

        def plan(sql: str, args: dict[str, object]) -> list[dict[str, Any]]:
            cursor.execute(f"EXPLAIN {sql}", args)
            return [row for row in cursor.fetchall() if row["table"] and not row["table"].startswith("<")]

        yield plan


def assert_nothing_is_scanned(steps: list[dict[str, Any]]) -> None:
    assert steps
    for step in steps:
        assert step["type"] in {"const", "eq_ref", "ref", "range"}, step
        assert step["key"] is not None, step


def test_the_audience_scans_no_table(explain: Explain) -> None:
    steps = explain(AUDIENCE, {"changer": 77, "kind": "job_change", "motivation": "active"})
    assert_nothing_is_scanned(steps)
    by_table = {step["table"]: step for step in steps}
    assert by_table["user_connections"]["key"] == "PRIMARY"
    assert by_table["scout_conditions"]["key"] == "PRIMARY"
    assert (by_table["u"]["type"], by_table["a"]["type"]) == ("eq_ref", "eq_ref")
    assert by_table["s"]["key"] == "job_seekers_user"


@pytest.mark.parametrize("kind", KINDS)
def test_the_record_is_read_by_its_day_alone_and_from_the_index_alone(explain: Explain, kind: str) -> None:
    (step,) = explain(TOLD.format(kind=kind), {"begins": utc(MIDNIGHT), "ends": utc(hour(24))})
    assert (step["type"], step["key"]) == ("range", f"{kind}_targets_told")
    assert "Using index" in step["Extra"]
    assert int(step["rows"]) < 2_000


def test_the_summarys_look_ups_scan_no_table(explain: Explain) -> None:
    assert_nothing_is_scanned(explain(CHANNELS_OF, {"ids": Ids(range(1, 51))}))
    for kind in KINDS:
        assert_nothing_is_scanned(explain(CHANGES.format(kind=kind), {"ids": Ids(range(1, 6))}))


def test_a_days_report_scans_no_table(explain: Explain) -> None:
    args: dict[str, object] = {"day": DAY, "begins": utc(MIDNIGHT), "ends": utc(hour(24))}
    for sql in (days.CHANGES, days.UNTOLD, days.RECORDED, days.DELIVERIES):
        assert_nothing_is_scanned(explain(sql, args))


def test_what_is_untold_is_found_by_its_key(explain: Explain) -> None:
    steps = explain(notifications.UNTOLD % ("%(kind)s", "%(history)s"), {"kind": "job_change", "history": 7})
    assert_nothing_is_scanned(steps)
    assert {step["table"]: step["key"] for step in steps}["n"] == "PRIMARY"


@pytest.mark.parametrize("sql", [CLAIMS, SETTLED], ids=["claims", "settled"])
def test_deliveries_are_found_by_their_key(explain: Explain, sql: str) -> None:
    args = {"day": DAY, "users": Ids(range(1, 301)), "tenant": 1, "state": "sent", "now": utc(MIDNIGHT)}
    (step,) = explain(sql, args)
    assert (step["type"], step["key"]) == ("range", "PRIMARY")
