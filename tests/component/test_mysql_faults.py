"""MySQL's bad days, on a real server: deadlock, restart, read-only, lost connections, two writers at once."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import certifi
import pytest
from pymysql.cursors import Cursor

from tests.support.rounds import RUN, MySqlRounds, Seeding, at
from tools.bench.private_server import PrivateServer
from yomawari.adapters.events_fake import EventBusFake
from yomawari.adapters.mysql.connection import TRIES, Database, Session, connect
from yomawari.adapters.mysql.ends import MySqlEndStore
from yomawari.adapters.mysql.settle import MySqlSettleStore
from yomawari.messages import CheckResults
from yomawari.usecases.conclude_run import ConcludeRun
from yomawari.usecases.ports import Settled, Unavailable
from yomawari.usecases.write_results import WriteResults

PATIENCE_S = 20.0


@pytest.fixture
def rounds(database: Database) -> Iterator[MySqlRounds]:
    real = MySqlRounds(database)
    yield real
    real.close()


def friends(ids: list[int], observed_s: float = 60) -> CheckResults:
    return CheckResults(run_id=RUN, tenant_id=1, observed_at=at(observed_s), friend=ids)


class Sleeper:
    """Sleeps by doing something instead, and counts how often it was asked to."""

    def __init__(self, instead: Callable[[], None] = lambda: None) -> None:
        self.times = 0
        self._instead = instead

    def __call__(self, _: float) -> None:
        self.times += 1
        self._instead()


def wait_for(holds: Callable[[], bool]) -> None:
    """Wait for the server; it shows its transactions anew only to those who ask less than ten times a second."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline_s
        time.sleep(0.15)


def is_one_waiting(server: PrivateServer) -> bool:
    with server.admin.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")
        return int(cursor.fetchall()[0][0]) == 1


def test_a_deadlock_is_tried_again(rounds: MySqlRounds, database: Database, mariadb_server: PrivateServer) -> None:
    """The other one has changed more rows, so the server makes the writer its victim."""
    ids = Seeding(rounds).tenant(1, 50)
    Seeding(rounds).dispatched(RUN, {1: 50})
    sleeper = Sleeper()
    writer = Session(database, sleeper, lambda: 0.0)
    with ThreadPoolExecutor(1) as threads, connect(database) as other, other.cursor() as cursor:
        for times in range(10):
            cursor.execute("UPDATE job_seekers SET user_id = id + %s", (times,))
        cursor.execute("SELECT 1 FROM line_accounts WHERE tenant_id = 1 AND job_seeker_id = %s FOR UPDATE", (ids[-1],))
        settling = threads.submit(MySqlSettleStore(writer).settle, friends(ids))
        wait_for(lambda: is_one_waiting(mariadb_server))
        cursor.execute("UPDATE run_tenants SET chunks = 2 WHERE run_id = %s AND tenant_id = 1", (RUN,))
        other.commit()
        assert settling.result(PATIENCE_S) == Settled(friend=50)
    writer.close()
    assert sleeper.times == 1
    assert len(rounds.changes()) == 50


def test_a_restart_in_the_middle_costs_one_more_try(
    rounds: MySqlRounds, database: Database, mariadb_server: PrivateServer
) -> None:
    first, second = Seeding(rounds).tenant(1, 2)
    Seeding(rounds).dispatched(RUN, {1: 2})
    sleeper = Sleeper()
    writer = Session(database, sleeper, lambda: 0.0)
    MySqlSettleStore(writer).settle(friends([first]))
    mariadb_server.stop()
    mariadb_server.start()
    assert MySqlSettleStore(writer).settle(friends([first, second])) == Settled(friend=1)
    writer.close()
    assert sleeper.times == 1


def test_a_server_that_stays_away_gives_the_message_back(
    rounds: MySqlRounds, database: Database, mariadb_server: PrivateServer
) -> None:
    Seeding(rounds).dispatched(RUN, {})
    sleeper = Sleeper()
    writer = Session(database, sleeper, lambda: 0.0)
    mariadb_server.stop()
    try:
        with pytest.raises(Unavailable, match="MySQL"):
            MySqlSettleStore(writer).settle(friends([1]))
    finally:
        mariadb_server.start()
    assert sleeper.times == TRIES - 1


def test_a_read_only_server_is_left_and_come_back_to(
    rounds: MySqlRounds, database: Database, mariadb_server: PrivateServer
) -> None:
    (seeker,) = Seeding(rounds).tenant(1, 1)
    Seeding(rounds).dispatched(RUN, {1: 1})
    mariadb_server.execute("SET GLOBAL read_only = 1")
    try:
        stubborn = Session(database, Sleeper(), lambda: 0.0)
        with pytest.raises(Unavailable, match="read-only"):
            MySqlSettleStore(stubborn).settle(friends([seeker]))
        sleeper = Sleeper(lambda: mariadb_server.execute("SET GLOBAL read_only = 0"))
        writer = Session(database, sleeper, lambda: 0.0)
        assert MySqlSettleStore(writer).settle(friends([seeker])) == Settled(friend=1)
        writer.close()
    finally:
        mariadb_server.execute("SET GLOBAL read_only = 0")
    assert sleeper.times == 1


def test_a_connection_killed_between_messages_is_replaced(rounds: MySqlRounds, mariadb_server: PrivateServer) -> None:
    first, second = Seeding(rounds).tenant(1, 2)
    Seeding(rounds).dispatched(RUN, {1: 2})
    rounds.settle.settle(friends([first]))
    mariadb_server.execute(rounds.session.transact(kill_statement))
    assert rounds.settle.settle(friends([second])) == Settled(friend=1)


def test_a_transaction_that_dies_half_way_leaves_nothing(rounds: MySqlRounds, mariadb_server: PrivateServer) -> None:
    """The counters cannot be written, so the rows must not be either."""
    (seeker,) = Seeding(rounds).tenant(1, 1)
    Seeding(rounds).dispatched(RUN, {1: 1})
    name = rounds.session._database.name
    signal = "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the disk is full'"
    mariadb_server.execute(f"USE `{name}`; CREATE TRIGGER stop BEFORE UPDATE ON run_tenants FOR EACH ROW {signal}")
    with pytest.raises(Exception, match="the disk is full"):
        rounds.settle.settle(friends([seeker]))
    assert rounds.accounts()[1, seeker].friend_status == "unknown"
    assert rounds.changes() == []
    mariadb_server.execute(f"DROP TRIGGER `{name}`.stop")
    assert rounds.settle.settle(friends([seeker])) == Settled(friend=1)


def test_a_stream_may_be_left_before_its_end(rounds: MySqlRounds) -> None:
    ids = Seeding(rounds).tenant(1, 300)
    stream = rounds.dispatch.accounts(RUN, [1])
    assert next(stream)[1] == ids[0]
    stream.close()
    assert [account[1] for account in rounds.dispatch.accounts(RUN, [1])] == ids


def test_a_stream_without_a_server_is_unavailable(rounds: MySqlRounds, database: Database) -> None:
    store = type(rounds.dispatch)(rounds.session, replace(database, port=1))
    with pytest.raises(Unavailable, match="MySQL"):
        next(store.accounts(RUN, [1]))


def test_a_server_that_the_ca_does_not_vouch_for_is_not_spoken_to(database: Database) -> None:
    stranger = Session(replace(database, tls_ca=certifi.where()), Sleeper(), lambda: 0.0)
    with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
        stranger.transact(lambda cursor: cursor.execute("SELECT 1"))


def test_two_writers_at_once_see_the_end_and_count_nobody_twice(rounds: MySqlRounds, database: Database) -> None:
    """Every message goes to both writers, in opposite orders."""
    ids = Seeding(rounds).tenant(1, 400)
    Seeding(rounds).dispatched(RUN, {1: 400})
    messages = [friends(list(some)) for some in batched_lists(ids, 10)]
    bus = EventBusFake()

    def write(order: list[CheckResults]) -> int:
        session = Session(database)
        use_case = WriteResults(MySqlSettleStore(session), ConcludeRun(MySqlEndStore(session), bus, lambda: at(100)))
        moved = 0
        for message in order:
            settled = use_case(message)
            assert isinstance(settled, Settled)
            moved += settled.friend
        session.close()
        return moved

    with ThreadPoolExecutor(2) as threads:
        moved = list(threads.map(write, [messages, messages[::-1]]))
    assert sum(moved) == 400
    report = rounds.reports.report(RUN)
    assert report is not None
    assert (report.state, report.totals.friends, report.ended_at) == ("completed", 400, at(100))
    assert {event.state for event in bus.runs()} == {"completed"}
    assert len(rounds.changes()) == 400


def test_writers_of_two_runs_take_turns(rounds: MySqlRounds, database: Database) -> None:
    """Each run says something else of everybody; without turns a change is noted from a status that never was."""
    ids = Seeding(rounds).tenant(1, 200)
    runs = list(range(RUN, RUN + 6))
    for run_id in runs:
        Seeding(rounds).dispatched(run_id, {1: 200})

    def write(run_id: int) -> None:
        session = Session(database)
        outcome = "friend" if run_id % 2 else "not_friend"
        for some in batched_lists(ids, 100):
            message = {"run_id": run_id, "tenant_id": 1, "observed_at": at(run_id - RUN), outcome: some}
            MySqlSettleStore(session).settle(CheckResults.model_validate(message))
        session.close()

    with ThreadPoolExecutor(len(runs)) as threads:
        list(threads.map(write, runs))
    now: dict[int, str] = {}
    for change in rounds.changes():
        assert change.from_status == now.get(change.job_seeker_id, "unknown")
        now[change.job_seeker_id] = change.to_status
    assert now == {seeker_id: row.friend_status for (_, seeker_id), row in rounds.accounts().items()}


def kill_statement(cursor: Cursor) -> str:
    cursor.execute("SELECT CONCAT('KILL ', CONNECTION_ID())")
    return str(cursor.fetchall()[0][0])


def batched_lists(ids: list[int], size: int) -> Iterator[list[int]]:
    for first in range(0, len(ids), size):
        yield ids[first : first + size]
