"""The second half of the demonstration: changes are told, recorded and summed up, and every message is looked for."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final

from pymysql.cursors import Cursor
from rich.console import Console
from rich.live import Live

from tools.cli.day_progress import day_table, watch_changes, watch_summary
from tools.cli.motivations import KINDS, emit, pick_changes, report_day, start_summary, today
from tools.cli.target import Target
from tools.demo.audience import Audiences, Key
from tools.line_double.control_client import DoubleControl
from tools.local_stack import StackState
from tools.seed.motivations import motivation_sizes, seed_motivations
from yomawari.domain.texts import Told, notification_text, summary_text

CHANGES: Final = 50
_TIMEOUT_S: Final = 300.0
_LIMITS_PER_S: Final = {"multicast": 200, "push": 2_000}
_TARGETS: Final = """
SELECT user_{kind}_motivation_history_id, user_id
FROM user_{kind}_motivation_history_notification_target_users
"""
_AUDIENCE_QUERIES: Final = "SELECT COUNT(*) FROM mysql.general_log WHERE argument LIKE '/* audience */%%'"

Mailbox = Counter[tuple[int, str, str]]
"""How often (user, endpoint, text)."""


@dataclass
class Notified:
    """What the second half came to: its figures, and what is wrong, in words."""

    figures: dict[str, Any]
    problems: list[str] = field(default_factory=list)


def notifications(stack: StackState, seekers: int, console: Console) -> Notified:
    """Tell 50 changes and send their summary, on a stack whose night is over; compare with the double's record.

    Who must be told is worked out anew in Python, from the tables, and not by the product's own query.
    """
    seed_motivations(stack, motivation_sizes(seekers), datetime.now(UTC))
    target, day = Target(stack.stack_name, stack), today()
    changes = pick_changes(stack, CHANGES)
    with _cursor(stack) as cursor:
        audiences = Audiences.read(cursor, [(change.kind, change.history_id) for change in changes])
    emit(target, changes)
    with Live(console=console, refresh_per_second=4, transient=True) as show:
        watch_changes(target, day, CHANGES, show, _TIMEOUT_S)
        before = report_day(target, day)
        with _cursor(stack) as cursor:
            recorded = _recorded(cursor)
            cursor.execute("SET GLOBAL log_output = 'TABLE', general_log = 1")
            start_summary(target, day)
            report = watch_summary(target, before, show, _TIMEOUT_S)
            cursor.execute("SET GLOBAL general_log = 0")
            cursor.execute(_AUDIENCE_QUERIES)
            queries = int(cursor.fetchall()[0][0])
    console.print(day_table(report))
    notified = _compare(audiences, _mailbox(stack, audiences), recorded, day, queries)
    notified.problems += _exceeded(stack)
    notified.figures["verified"] &= not notified.problems
    return notified


def _exceeded(stack: StackState) -> list[str]:
    control = DoubleControl(stack.line_url)
    channels = control.report().channels
    control.close()
    return [
        f"tenant {tenant_id}: {endpoints[endpoint].peak_per_s} calls of {endpoint} in one second"
        for tenant_id, endpoints in channels.items()
        for endpoint, limit_per_s in _LIMITS_PER_S.items()
        if endpoint in endpoints and endpoints[endpoint].peak_per_s > limit_per_s
    ]


def _compare(
    audiences: Audiences, found: Mailbox, recorded: Counter[tuple[Key, int]], day: date, queries: int
) -> Notified:
    expected = _expected(audiences, day)
    intended = Counter((key, user_id) for key, people in audiences.of.items() for user_id in people)
    extra = found - expected
    duplicates = sum(count for message, count in extra.items() if message in expected)
    wrong = {
        "messages somebody got too often": duplicates,
        "messages nobody should have got": extra.total() - duplicates,
        "messages missing": (expected - found).total(),
        "people recorded who were not told": (recorded - intended).total(),
        "people told who are not recorded": (intended - recorded).total(),
        "audience queries for the summary": queries,
    }
    by_endpoint = Counter(dict.fromkeys(_LIMITS_PER_S, 0))
    for (_, endpoint, _), count in found.items():
        by_endpoint[endpoint] += count
    problems = [f"{what}: {count}" for what, count in wrong.items() if count]
    figures = {
        "changes": len(audiences.of),
        "told": by_endpoint["multicast"],
        "recorded": recorded.total(),
        "summaries": by_endpoint["push"],
        "duplicates": duplicates,
        "missing": wrong["messages missing"],
        "audience_queries_in_summary": queries,
        "verified": not problems and by_endpoint["push"] > 0,
    }
    return Notified(figures, problems)


def _expected(audiences: Audiences, day: date) -> Mailbox:
    """One message per change, and one summary, for each person, word for word."""
    expected: Mailbox = Counter()
    told_of: dict[int, list[Key]] = {}
    for key, people in audiences.of.items():
        for user_id in people:
            told = _told(audiences, key)
            expected[user_id, "multicast", notification_text(audiences.languages[user_id], told)] += 1
            told_of.setdefault(user_id, []).append(key)
    for user_id, keys in told_of.items():
        latest = _latest(audiences, keys)
        text = summary_text(audiences.languages[user_id], day, [_told(audiences, key) for key in latest], len(latest))
        expected[user_id, "push", text] += 1
    return expected


def _latest(audiences: Audiences, keys: list[Key]) -> list[Key]:
    """Newest first, only the latest of each changer and kind."""
    newest_first = sorted(keys, key=lambda key: (audiences.changes[key].changed_at, key[1], key[0]), reverse=True)
    seen: dict[tuple[int, str], Key] = {}
    for key in newest_first:
        seen.setdefault((audiences.changes[key].user_id, key[0]), key)
    return list(seen.values())


def _told(audiences: Audiences, key: Key) -> Told:
    change = audiences.changes[key]
    return Told(change.kind, change.name, change.motivation)


def _mailbox(stack: StackState, audiences: Audiences) -> Mailbox:
    """All that the double accepted, by user."""
    found: Mailbox = Counter()
    control = DoubleControl(stack.line_url, timeout_s=60)
    for tenant_id in {tenant_id for tenant_id, _ in audiences.people}:
        for line_user_id, deliveries in control.deliveries(str(tenant_id)).items():
            user_id = audiences.people.get((tenant_id, line_user_id), 0)
            found.update((user_id, delivery.endpoint, delivery.text) for delivery in deliveries)
    control.close()
    return found


def _recorded(cursor: Cursor) -> Counter[tuple[Key, int]]:
    found: Counter[tuple[Key, int]] = Counter()
    for kind in KINDS:
        cursor.execute(_TARGETS.format(kind=kind))
        found.update(((kind, history_id), user_id) for history_id, user_id in cursor.fetchall())
    return found


@contextmanager
def _cursor(stack: StackState) -> Iterator[Cursor]:
    with stack.database.connect() as connection, connection.cursor() as cursor:
        connection.select_db(stack.database.name)
        yield cursor
