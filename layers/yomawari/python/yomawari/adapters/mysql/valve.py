"""The safety valve's tables: friends lost in a run wait in `run_losses` until their tenant is judged.

The judgement is domain/valve.py's. Here it is carried out, within the transaction that settles a message or releases a
hold: the losses of one tenant are written in two statements, however many they are.
"""

from typing import Final

from pymysql.cursors import Cursor

from yomawari.domain.runs import is_night
from yomawari.domain.valve import Bounds, Losses, Valve, judge
from yomawari.messages import TenantHeld

Key = dict[str, int]
"""The arguments `run` and `tenant`, and `night`: 1 of a night, 0 of a check outside the round, which makes no night."""

# Of a row of run_tenants: everybody is counted. There may be more of them than `seekers`, if somebody was sent by a
# dispatch that died, and deleted before the next one. Until a sweep has counted for itself (chunks is NULL), `seekers`
# is the dispatcher's guess, and says nothing.
IS_COMPLETE: Final = "(chunks IS NOT NULL AND friends + not_friends + invalid + failed + passed_over >= seekers)"

_LOOK: Final = f"""
SELECT valve, lost, friends_before, hold_over_percent, hold_over_seekers, {IS_COMPLETE}
FROM run_tenants WHERE run_id = %(run)s AND tenant_id = %(tenant)s
"""  # noqa: S608 - made of constants, like the others
_TURN: Final = "UPDATE run_tenants SET valve = %(valve)s WHERE run_id = %(run)s AND tenant_id = %(tenant)s"

# A newer observation than the loss wins, whichever run it is of. A newer run that only failed has observed nothing.
# STRAIGHT_JOIN: the losses first, and a look-up of each; the server may think of reading all of the tenant's rows.
_LOST_ROWS: Final = """
run_losses l STRAIGHT_JOIN line_accounts a ON a.tenant_id = l.tenant_id AND a.job_seeker_id = l.job_seeker_id
"""
_ARE_NEWEST: Final = """
l.run_id = %(run)s AND l.tenant_id = %(tenant)s
AND (a.status_checked_at IS NULL OR a.status_checked_at <= l.observed_at)
"""
NOTE_LOST: Final = f"""
INSERT INTO line_friend_status_changes (tenant_id, job_seeker_id, run_id, from_status, to_status, observed_at)
SELECT a.tenant_id, a.job_seeker_id, l.run_id, a.friend_status, l.outcome, l.observed_at
FROM {_LOST_ROWS} WHERE {_ARE_NEWEST} AND a.friend_status <> l.outcome
"""  # noqa: S608
WRITE_LOST: Final = f"""
UPDATE {_LOST_ROWS}
SET a.not_friend_nights = IF(l.outcome = 'not_friend', a.not_friend_nights + %(night)s, 0),
    a.friend_status = l.outcome, a.status_checked_at = l.observed_at
WHERE {_ARE_NEWEST}
"""  # noqa: S608
# What the run made of people who were no friends was written at once. Of that only "invalid" must be taken back with
# the losses: nobody would ask them again.
_MADE_INVALID: Final = """
c.tenant_id = a.tenant_id AND c.job_seeker_id = a.job_seeker_id AND c.run_id = %(run)s AND c.to_status = 'invalid'
AND a.tenant_id = %(tenant)s AND a.settled_run_id = %(run)s AND a.friend_status = 'invalid'
"""
NOTE_NOT_INVALID: Final = f"""
INSERT INTO line_friend_status_changes (tenant_id, job_seeker_id, run_id, from_status, to_status, observed_at)
SELECT a.tenant_id, a.job_seeker_id, %(run)s, 'invalid', c.from_status, c.observed_at
FROM line_accounts a, line_friend_status_changes c WHERE {_MADE_INVALID}
"""  # noqa: S608
NOT_INVALID: Final = f"""
UPDATE line_accounts a, line_friend_status_changes c SET a.friend_status = c.from_status WHERE {_MADE_INVALID}
"""  # noqa: S608
_FORGET: Final = "DELETE FROM run_losses WHERE run_id = %(run)s AND tenant_id = %(tenant)s"
_NONE_LEFT: Final = "UPDATE run_tenants SET lost_unwritten = 0 WHERE run_id = %(run)s AND tenant_id = %(tenant)s"


def key_of(run_id: int, tenant_id: int) -> Key:
    """The arguments of a tenant of a run."""
    return {"run": run_id, "tenant": tenant_id, "night": int(is_night(run_id))}


def let_through(cursor: Cursor, key: Key) -> bool:
    """Judge the losses of a tenant that has some; whether they are held from now on."""
    cursor.execute(_LOOK, key)
    valve, lost, friends_before, over_percent, over_seekers, is_complete = cursor.fetchall()[0]
    losses, bounds = Losses(lost, friends_before), Bounds(over_percent, over_seekers)
    match judge(valve, losses, bounds, is_complete=bool(is_complete)):
        case "hold":
            turn(cursor, key, "held")
            return True
        case "write":
            write(cursor, key)
        case "drop":
            drop(cursor, key)
        case "wait":
            pass
    return False


def state_of(cursor: Cursor, key: Key) -> Valve:
    """How the valve stands."""
    cursor.execute(_LOOK, key)
    valve: Valve = cursor.fetchall()[0][0]
    return valve


def hold_of(cursor: Cursor, key: Key) -> TenantHeld:
    """What the bus is told of a held tenant."""
    cursor.execute(_LOOK, key)
    _valve, lost, friends_before, *_rest = cursor.fetchall()[0]
    return TenantHeld(run_id=key["run"], tenant_id=key["tenant"], lost=lost, friends_before=friends_before)


def turn(cursor: Cursor, key: Key, valve: Valve) -> None:
    """Set the valve."""
    cursor.execute(_TURN, key | {"valve": valve})


def write(cursor: Cursor, key: Key) -> int:
    """Write the losses that wait; how many statuses they were."""
    cursor.execute(NOTE_LOST, key)
    written = cursor.execute(WRITE_LOST, key)
    drop(cursor, key)
    return written


def discard(cursor: Cursor, key: Key) -> int:
    """Forget the losses that wait, and take back whom the run made invalid; how many they were."""
    return take_back(cursor, key) + drop(cursor, key)


def take_back(cursor: Cursor, key: Key) -> int:
    """Give those whom the run made invalid the status they had; how many they were."""
    cursor.execute(NOTE_NOT_INVALID, key)
    return cursor.execute(NOT_INVALID, key)


def drop(cursor: Cursor, key: Key) -> int:
    """Forget the losses that wait; how many they were."""
    dropped = cursor.execute(_FORGET, key)
    cursor.execute(_NONE_LEFT, key)
    return dropped
