"""Each function's own MySQL user may do all that its function does, and no more; grants.sql says what."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pymysql
import pytest

import yomawari.adapters.mysql
from tests.support.imports import ETAG, chunk_of, key_of, line_id
from tests.support.motivations import DAY, MySqlMotivations, People, hour
from tests.support.rounds import NEXT_RUN, NIGHT, RUN, MySqlRounds, Seeding, at
from tools.bench.private_server import PrivateServer
from yomawari.adapters.mysql.connection import Database, Session
from yomawari.adapters.mysql.days import MySqlDayReportStore
from yomawari.adapters.mysql.deliveries import MySqlDeliveryStore
from yomawari.adapters.mysql.dispatch import MySqlDispatchStore
from yomawari.adapters.mysql.ends import MySqlEndStore
from yomawari.adapters.mysql.import_reports import MySqlImportReportStore
from yomawari.adapters.mysql.imports import MySqlImportEndStore, MySqlImportStore
from yomawari.adapters.mysql.notifications import MySqlNotificationStore
from yomawari.adapters.mysql.registrations import MySqlRegistrationStore
from yomawari.adapters.mysql.reports import MySqlReportStore
from yomawari.adapters.mysql.settle import MySqlSettleStore
from yomawari.adapters.mysql.summaries import MySqlSummaryStore
from yomawari.adapters.mysql.sweeps import MySqlSweepStore
from yomawari.adapters.mysql.targets import MySqlTargetStore
from yomawari.domain.imports import RowError
from yomawari.domain.motivations import TakenUp
from yomawari.domain.valve import Bounds
from yomawari.domain.ways import Channel
from yomawari.messages import CheckResults, ReleaseHold
from yomawari.usecases.import_ports import Registered
from yomawari.usecases.motivation_ports import Recorded, Targets
from yomawari.usecases.ports import Released, Scope, Settled

GRANTS = Path(yomawari.adapters.mysql.__file__).with_name("grants.sql")
Sessions = dict[str, tuple[Session, Database]]
ROLES = (
    "dispatcher",
    "writer",
    "notifier",
    "summarizer",
    "summary_sender",
    "splitter",
    "registrar",
    "sweeper",
    "reader",
)
USERS = tuple(f"yomawari_{role}" for role in ROLES)


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


def test_a_change_and_its_summary_with_each_functions_own_user(database: Database, sessions: Sessions) -> None:
    tables = MySqlMotivations(database)
    people = People(tables)
    people.person(9)
    people.person(1, 1, connected_to=9)
    tables.add_history("job_change", 70, 9, "active", hour(9))
    notifications = MySqlNotificationStore(sessions["notifier"][0])
    for _ in range(2):
        taken_up = notifications.take_up("job_change", 70, 9, hour(9))
        assert isinstance(taken_up, TakenUp)
        assert len(taken_up.untold) == 1
    notifications.told("job_change", 70, 1, hour(9))
    assert MySqlTargetStore(sessions["writer"][0]).record([Targets("job_change", 70, [1], hour(9))]) == [Recorded(1)]
    summaries = MySqlSummaryStore(*sessions["summarizer"])
    assert [one.recipient.user_id for one in summaries.summaries(DAY)] == [1]
    for _ in range(2):
        summaries.dispatched(DAY, 1, 1, hour(32))
    deliveries = MySqlDeliveryStore(sessions["summary_sender"][0])
    assert list(deliveries.claim(DAY, 1, [1], hour(32))) == [1]
    assert deliveries.mark(DAY, 1, [1], "sent", hour(32)) == 1
    report = MySqlDayReportStore(sessions["reader"][0]).report(DAY)
    assert (report.changes, report.untold, report.recorded, report.summary.is_done) == (1, {}, 1, True)
    tables.close()


def test_an_import_with_each_functions_own_user(database: Database, sessions: Sessions) -> None:
    rounds = MySqlRounds(database)
    taken = Seeding(rounds).tenant(1, 2)
    splitter, registrar = sessions["splitter"][0], sessions["registrar"][0]
    begun = MySqlImportStore(splitter)
    assert begun.begin(key_of(), ETAG, NIGHT) is True
    begun.note_errors("first", [RowError(9, None, "is wrong")])
    begun.note_errors("first", [RowError(9, None, "is wrong")])
    store = MySqlRegistrationStore(registrar)
    moved, conflict = (1, str(taken[0]), line_id(1), 5), (2, "b", f"U{taken[1]:032x}", None)
    assert store.register(chunk_of(moved, conflict, (3, "c", None, None)), NIGHT) == Registered(1, 1, 1)
    assert store.register(chunk_of(moved), NIGHT) == Registered()
    begun.all_sent("first", 4, 1, 1)
    assert MySqlImportEndStore(splitter).end("first", at(1)) == MySqlImportEndStore(registrar).end("first", at(1))
    MySqlImportEndStore(registrar).announced("first", "completed_with_errors")
    assert MySqlImportEndStore(splitter).end("first", at(2)) is None
    assert begun.begin(key_of("second"), ETAG, NIGHT) is True
    begun.reject("second", "the file is empty", at(3))
    report = MySqlImportReportStore(sessions["reader"][0]).report("first")
    assert report is not None
    assert (report.state, report.rejected) == ("completed_with_errors", 2)
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
        ("notifier", "DELETE FROM motivation_audiences"),
        ("notifier", "UPDATE line_accounts SET friend_status = 'friend'"),
        ("summarizer", "INSERT INTO motivation_audiences VALUES ('side_job', 1, NOW())"),
        ("summary_sender", "SELECT * FROM line_accounts"),
        ("summary_sender", "DELETE FROM summary_deliveries"),
        ("reader", "UPDATE summary_days SET recipients = 0"),
        ("splitter", "SELECT * FROM job_seekers"),
        ("splitter", "SELECT name FROM tenants"),
        ("splitter", "INSERT INTO import_chunks VALUES ('a', 1)"),
        ("registrar", "INSERT INTO imports (import_id) VALUES ('a')"),
        ("registrar", "DELETE FROM line_accounts"),
        ("registrar", "SELECT * FROM tenants"),
        ("registrar", "SELECT * FROM users"),
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
