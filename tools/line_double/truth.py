"""The truth the double answers from: a rule over (seed, tenant, LINE user id), so that 2,000,000 seekers need no table.

The rule, stated so that SQL can say it too (MySQL's ``CRC32`` is zlib's):

    CRC32(CONCAT(seed, ':', tenant_id, ':', line_user_id)) % 10000 < friend_share * 10000   =>   friend

On top of the rule stand overrides set at run time ("this person blocked the account"), which win over it.
"""

import re
from typing import Final
from zlib import crc32

DEFAULT_SEED: Final = 1
DEFAULT_FRIEND_SHARE: Final = 0.7

_LINE_USER_ID = re.compile(r"U[0-9a-f]{32}")
_RULE_STEPS = 10_000
_PREFIX = "double-"


def is_line_user_id(text: str) -> bool:
    """Whether the text has the form of a LINE user id: ``U`` and 32 lower-case hex digits."""
    return _LINE_USER_ID.fullmatch(text) is not None


def channel_salt(tenant_id: str, seed: int = DEFAULT_SEED) -> int:
    """The part of the rule that is the same for every seeker of a channel: the CRC-32 state after ``seed:tenant:``."""
    return crc32(f"{seed}:{tenant_id}:".encode())


def is_friend_by_rule(line_user_id: str, salt: int, friend_share: float = DEFAULT_FRIEND_SHARE) -> bool:
    """Whether the rule makes this id a friend of the channel with this salt; says nothing about overrides."""
    return crc32(line_user_id.encode(), salt) % _RULE_STEPS < friend_share * _RULE_STEPS


def expected_status(
    tenant_id: str,
    line_user_id: str,
    *,
    seed: int = DEFAULT_SEED,
    friend_share: float = DEFAULT_FRIEND_SHARE,
    override: bool | None = None,
) -> int:
    """The status a healthy double gives for this profile: 200 friend, 404 not a friend, 400 malformed id.

    ``override`` is what was set at run time for this person, None when nothing was.
    """
    if not is_line_user_id(line_user_id):
        return 400
    if override is not None:
        return 200 if override else 404
    return 200 if is_friend_by_rule(line_user_id, channel_salt(tenant_id, seed), friend_share) else 404


def token_for(tenant_id: str, version: str = "1") -> str:
    """A channel access token that the double accepts for this tenant, without having been told of it.

    Raises:
        ValueError: the tenant id is empty or holds a dash, which would end it inside a token.
    """
    if not tenant_id or "-" in tenant_id:
        raise ValueError(f"a tenant id of the double holds no dash and is not empty: {tenant_id!r}")
    return f"{_PREFIX}{tenant_id}-{version}"


def tenant_of_token(token: str) -> str | None:
    """The tenant a token ``double-<tenant_id>-<anything>`` belongs to; None for every other token."""
    if not token.startswith(_PREFIX):
        return None
    tenant_id, dash, anything = token[len(_PREFIX) :].partition("-")
    return tenant_id if tenant_id and dash and anything else None
