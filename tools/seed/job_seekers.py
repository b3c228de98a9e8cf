"""Filling a local stack's database and token store."""

from collections.abc import Sequence
from typing import Any, Final

import boto3
from pymysql.cursors import Cursor

from tools.line_double.truth import token_for
from tools.local_stack import StackState
from yomawari.adapters.ssm import token_name

INVALID_EVERY: Final = 1_000
"""One job seeker in so many has a LINE id that cannot be one, as happens where people type."""

_ROWS_PER_INSERT: Final = 100_000
_DIGITS: Final = f"({' UNION ALL '.join(f'SELECT {digit} d' for digit in range(10))})"
# 0 to 99,999, on MySQL and MariaDB alike.
_NUMBERS: Final = (
    "SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d AS n FROM "
    f"{_DIGITS} a, {_DIGITS} b, {_DIGITS} c, {_DIGITS} e, {_DIGITS} f"
)
_SEEKERS: Final = f"""
INSERT INTO job_seekers (tenant_id, external_key)
SELECT %s, CONCAT('seeker-', n + %s) FROM ({_NUMBERS}) numbers WHERE n < %s
"""
_ACCOUNTS: Final = """
INSERT INTO line_accounts (tenant_id, job_seeker_id, line_user_id)
SELECT tenant_id, id, CONCAT(IF(id %% %s = 0, 'u', 'U'), MD5(CONCAT(tenant_id, ':', external_key)))
FROM job_seekers WHERE tenant_id = %s
"""


def seed(stack: StackState, sizes: Sequence[int], *, without_token: frozenset[int] = frozenset()) -> None:
    """Make tenants 1 to n with so many job seekers each, all unknown to LINE as yet, and a token for every channel.

    Args:
        stack: a local stack that is up and deployed; its database must hold no tenants.
        sizes: job seekers by tenant.
        without_token: tenants whose channel access token is missing.
    """
    seed_tenants(stack, len(sizes), without_token=without_token)
    with stack.database.connect() as connection, connection.cursor() as cursor:
        connection.select_db(stack.database.name)
        for tenant_id, seekers in enumerate(sizes, start=1):
            _seed_job_seekers(cursor, tenant_id, seekers)
            connection.commit()
        cursor.execute("ANALYZE TABLE job_seekers, line_accounts")


def seed_tenants(stack: StackState, tenants: int, *, without_token: frozenset[int] = frozenset()) -> None:
    """Make tenants 1 to n with their channels and tokens, and without job seekers."""
    with stack.database.connect() as connection, connection.cursor() as cursor:
        connection.select_db(stack.database.name)
        for tenant_id in range(1, tenants + 1):
            cursor.execute("INSERT INTO tenants (id, name) VALUES (%s, %s)", (tenant_id, f"agency-{tenant_id:03d}"))
            channel = (tenant_id, 10_000 + tenant_id)
            cursor.execute("INSERT INTO line_channels (tenant_id, channel_id) VALUES (%s, %s)", channel)
        connection.commit()
    _put_tokens(stack, set(range(1, tenants + 1)) - without_token)


def _seed_job_seekers(cursor: Cursor, tenant_id: int, seekers: int) -> None:
    for first in range(0, seekers, _ROWS_PER_INSERT):
        cursor.execute(_SEEKERS, (tenant_id, first, min(_ROWS_PER_INSERT, seekers - first)))
    cursor.execute(_ACCOUNTS, (INVALID_EVERY, tenant_id))


def _put_tokens(stack: StackState, tenant_ids: set[int]) -> None:
    ssm: Any = boto3.client("ssm", **stack.client_options())
    for tenant_id in sorted(tenant_ids):
        name = token_name(stack.outputs["TokenPath"], tenant_id)
        ssm.put_parameter(Name=name, Value=token_for(str(tenant_id)), Type="SecureString", Overwrite=True)
