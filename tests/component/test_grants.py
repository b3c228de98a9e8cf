"""Each function's own MySQL user may do all that its function does, and no more; grants.sql says what."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pymysql
import pytest

import yomawari.adapters.mysql
from tests.support.rounds import NEXT_RUN, NIGHT, RUN, MySqlRounds, Seeding, at
from tools.bench.private_server import PrivateServer
from yomawari.adapters.mysql.connection import Database, Session
from yomawari.adapters.mysql.dispatch import MySqlDispatchStore
from yomawari.adapters.mysql.ends import MySqlEndStore
from yomawari.adapters.mysql.reports import MySqlReportStore
from yomawari.adapters.mysql.settle import MySqlSettleStore
from yomawari.adapters.mysql.sweeps import MySqlSweepStore
from yomawari.domain.valve import Bounds
from yomawari.domain.ways import Channel
from yomawari.messages import CheckResults, ReleaseHold
from yomawari.usecases.ports import Released, Scope, Settled

GRANTS = Path(yomawari.adapters.mysql.__file__).with_name("grants.sql")
Sessions = dict[str, tuple[Session, Database]]
USERS = ("yomawari_dispatcher", "yomawari_writer", "yomawari_reader", "yomawari_sweeper")


@pytest.fixture
def sessions(database: Database, mariadb_server: PrivateServer) -> Iterator[Sessions]:
    create = "".join(f"CREATE USER '{user}'@'%' IDENTIFIED BY '{database.password}';" for user in USERS)
    mariadb_server.execute(f"USE `{database.name}`; {create} {GRANTS.read_text(encoding='utf-8')}")
    own = {user.removeprefix("yomawari_"): replace(database, user=user) for user in USERS}
    opened = {name: (Session(as_user), as_user) for name, as_user in own.items()}
    yield opened
    for session, _ in opened.values():
        session.close()
    mariadb_server.execute("".join(f"DROP USER '{user}'@'%';" for user in USERS))


def test_a_night_with_each_functions_own_user(database: Database, sessions: Sessions) -> None:
    rounds = MySqlRounds(database)
    first, second = Seeding(rounds).tenant(1, 2)
    gone = second + 1
    Seeding(rounds).tenant(2)
    dispatch = MySqlDispatchStore(*sessions["dispatcher"])
    assert dispatch.begin(RUN, NIGHT)
    assert dispatch.begin(RUN, NIGHT)
    assert len(dispatch.waiting(RUN)) == 2
    dispatch.skip(RUN, 2, "no token")
    assert len(list(dispatch.accounts(RUN, [1]))) == 2
    assert dispatch.askable(RUN, [1]) == {1: 2}
    assert len(list(dispatch.named(Scope(1, (first,))))) == 1
    sweep = MySqlSweepStore(*sessions["sweeper"])
    assert len(list(sweep.seekers(RUN, 1))) == 2
    sweep.probed(1, NIGHT, allowed=True)
    assert dispatch.waiting(RUN)[0].channel == Channel("profile", True, NIGHT)
    dispatch.sent(RUN, 1, 3, 1)
    dispatch.all_sent(RUN, NIGHT)
    writer = sessions["writer"][0]
    message = CheckResults(run_id=RUN, tenant_id=1, observed_at=at(1), friend=[first], failed=[second], closed="gone")
    assert MySqlSettleStore(writer).settle(message) == Settled(friend=1, failed=1)
    assert MySqlSettleStore(writer).settle(message.model_copy(update={"friend": [gone]})) == Settled(passed_over=1)
    redriven = message.model_copy(update={"friend": [second], "failed": []})
    assert MySqlSettleStore(writer).settle(redriven) == Settled(friend=1, recovered=1)
    for ending in (sessions["dispatcher"][0], writer):
        event = MySqlEndStore(ending).end(RUN, at(2))
        assert event is not None
    MySqlEndStore(sessions["dispatcher"][0]).announced(RUN, "completed")
    held = seed_held(rounds)
    for run_id, discard in ((NEXT_RUN, False), (NEXT_RUN + 1, True)):
        lost = CheckResults(run_id=run_id, tenant_id=3, observed_at=at(run_id - RUN), not_friend=held[:2])
        settled = MySqlSettleStore(writer).settle(lost)
        assert isinstance(settled, Settled)
        assert settled.hold is not None
        MySqlEndStore(writer).hold_announced(settled.hold)
        release = ReleaseHold(run_id=run_id, tenant_id=3, discard=discard)
        assert MySqlSettleStore(writer).release(release) == Released(2)
        held = held[2:]
    report = MySqlReportStore(sessions["reader"][0]).report(RUN)
    assert report is not None
    assert report.state == "completed"
    rounds.close()


def seed_held(rounds: MySqlRounds) -> list[int]:
    """Four friends, of whom each of two runs may lose none."""
    ids = Seeding(rounds).tenant(3, 4, "friend", bounds=Bounds(0, 0))
    for run_id in (NEXT_RUN, NEXT_RUN + 1):
        Seeding(rounds).dispatched(run_id, {3: 4})
    return ids


@pytest.mark.parametrize(
    ("user", "sql"),
    [
        ("reader", "UPDATE runs SET state = 'running'"),
        ("dispatcher", "UPDATE line_accounts SET friend_status = 'friend'"),
        ("writer", "DELETE FROM line_accounts"),
        ("writer", "SELECT * FROM job_seekers"),
        ("writer", "DELETE FROM run_passed_over"),
        ("writer", "UPDATE run_losses SET outcome = 'invalid'"),
        ("dispatcher", "DELETE FROM run_losses"),
        ("sweeper", "UPDATE line_channels SET rate_per_s = 1"),
        ("sweeper", "UPDATE line_accounts SET friend_status = 'friend'"),
        ("sweeper", "SELECT * FROM runs"),
    ],
)
def test_nobody_may_do_more(sessions: Sessions, user: str, sql: str) -> None:
    with pytest.raises(pymysql.OperationalError, match="command denied"):
        sessions[user][0].transact(lambda cursor: cursor.execute(sql))
