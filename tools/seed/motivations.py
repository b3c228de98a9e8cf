"""People with connections, scout conditions and changed motivations, for a database that has job seekers."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pymysql.cursors import Cursor

from tools.local_stack import StackState

OPTED_OUT_EVERY: Final = 20
DELETED_EVERY: Final = 50
ENGLISH_EVERY: Final = 4
"""One person in so many opted out, or is deleted; one tenant in so many writes in English."""

_DIGITS: Final = f"({' UNION ALL '.join(f'SELECT {digit} AS d' for digit in range(10))})"
_FAMILY: Final = "'佐藤', '鈴木', '高橋', '田中', '伊藤', '渡辺', '山本', '中村', '小林', 'Smith', 'Nguyễn', '加藤'"
_GIVEN: Final = "'陽菜', '蓮', '結衣', '湊', '葵', '悠真', '凛', '樹', '紬', '大和', 'Alex', 'Linh', '美月'"
_LEVELS: Final = "'none', 'open', 'considering', 'active'"
_TABLES: Final = (
    "users, job_seekers, line_accounts, user_connections, scout_conditions, "
    "user_job_change_motivation_histories, user_side_job_motivation_histories"
)

_LANGUAGES: Final = f"UPDATE tenants SET language = IF(id % {ENGLISH_EVERY} = 0, 'en', 'ja')"
_MIRRORED: Final = """
INSERT INTO user_connections (user_id, connected_user_id)
SELECT drawn.connected_user_id, drawn.user_id FROM user_connections drawn
ON DUPLICATE KEY UPDATE user_id = user_connections.user_id
"""


@dataclass(frozen=True, slots=True)
class MotivationSizes:
    """How many of everything: people, connections each, recruiters, and changes of each of the two kinds."""

    users: int
    connections_per_user: int
    recruiters: int
    changes_per_kind: int


def motivation_sizes(seekers: int) -> MotivationSizes:
    """What becomes so many job seekers: one person behind every two of them, at most 20,000 people, 200 changes."""
    users = min(20_000, max(2, seekers // 2))
    return MotivationSizes(users, min(40, users), max(1, users // 20), 100)


def seed_motivations(stack: StackState, sizes: MotivationSizes, now: datetime) -> None:
    """Give a local stack's job seekers people behind them, with connections, conditions and changes."""
    with stack.database.connect() as connection, connection.cursor() as cursor:
        connection.select_db(stack.database.name)
        fill_motivations(cursor, sizes, now)
        connection.commit()


def fill_motivations(cursor: Cursor, sizes: MotivationSizes, now: datetime) -> None:
    """The same on any connection; the caller commits. The database must hold job seekers, and no users."""
    moment = now.astimezone(UTC).strftime("'%Y-%m-%d %H:%M:%S.%f'")
    statements = (
        _users(sizes, moment),
        # Neighbours in a tenant are different people, and one person's entries lie in different tenants.
        f"UPDATE job_seekers SET user_id = 1 + id % {sizes.users}",
        _LANGUAGES,
        _connections(sizes),
        _MIRRORED,
        _conditions(sizes),
        _changes(sizes, "job_change", moment),
        _changes(sizes, "side_job", moment),
        f"ANALYZE TABLE {_TABLES}",
    )
    for sql in statements:
        cursor.execute(sql)
    cursor.fetchall()


def numbers(count: int) -> str:
    """0 to count - 1 as a derived table with the column n, on MySQL and MariaDB alike."""
    places = range(len(str(count - 1)))
    number = " + ".join(f"{10**place} * p{place}.d" for place in places)
    tables = ", ".join(f"{_DIGITS} AS p{place}" for place in places)
    return f"(SELECT {number} AS n FROM {tables} WHERE {number} < {count}) numbers"


def _drawn(label: str, out_of: int) -> str:
    """A number that looks random, from 0, and is the same each time for the same n."""
    return f"CRC32(CONCAT('{label}', n)) % {out_of}"


def _users(sizes: MotivationSizes, moment: str) -> str:
    return f"""
        INSERT INTO users (id, display_name, notifications_opted_out_at, deleted_at)
        SELECT n + 1, CONCAT(ELT(1 + n % 12, {_FAMILY}), ' ', ELT(1 + n % 13, {_GIVEN})),
               IF({_drawn("opted out", OPTED_OUT_EVERY)} = 0, {moment}, NULL),
               IF({_drawn("deleted", DELETED_EVERY)} = 0, {moment}, NULL)
        FROM {numbers(sizes.users)} ORDER BY n
    """


def _connections(sizes: MotivationSizes) -> str:
    """Half of the connections; the others are their mirror. Who is drawn twice, or draws themselves, has fewer."""
    return f"""
        INSERT INTO user_connections (user_id, connected_user_id)
        SELECT one, other FROM (
            SELECT 1 + n % {sizes.users} AS one, 1 + {_drawn("connected", sizes.users)} AS other
            FROM {numbers(sizes.users * sizes.connections_per_user // 2)}
        ) drawn WHERE one <> other
        ON DUPLICATE KEY UPDATE user_id = user_connections.user_id
    """


def _conditions(sizes: MotivationSizes) -> str:
    """Each recruiter looks for one motivation of one kind."""
    return f"""
        INSERT INTO scout_conditions (kind, motivation, user_id)
        SELECT IF(n % 2, 'job_change', 'side_job'), ELT(1 + n DIV 2 % 4, {_LEVELS}),
               1 + {_drawn("recruiter", sizes.users)}
        FROM {numbers(sizes.recruiters)}
        ON DUPLICATE KEY UPDATE user_id = scout_conditions.user_id
    """


def _changes(sizes: MotivationSizes, kind: str, moment: str) -> str:
    """One a second until `moment`, by people who are still there: twice as many are drawn as are wanted."""
    return f"""
        INSERT INTO user_{kind}_motivation_histories (user_id, motivation, changed_at)
        SELECT changer, motivation, {moment} - INTERVAL n SECOND FROM (
            SELECT n, 1 + {_drawn(kind, sizes.users)} AS changer, ELT(1 + n % 4, {_LEVELS}) AS motivation
            FROM {numbers(2 * sizes.changes_per_kind)}
        ) drawn JOIN users ON users.id = changer AND deleted_at IS NULL
        ORDER BY n LIMIT {sizes.changes_per_kind}
    """
