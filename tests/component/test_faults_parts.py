"""The bad days of our own parts: MySQL, DynamoDB, workers. Nothing is lost, and nothing counted twice."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.faulty_dynamo import FaultyDynamo, Mood
from tests.support.night import RUN, Night
from yomawari.adapters.mysql import connection
from yomawari.adapters.mysql.connection import connect

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


@pytest.fixture
def checked(night: Night, monkeypatch: pytest.MonkeyPatch) -> Night:
    """A night whose first answers lie on the writer's queue; a failing transaction is retried after a moment."""
    monkeypatch.setattr(connection, "_BASE_US", 1_000)
    night.seed({1: 500, 2: 150, 3: 40})
    night.dispatch()
    night.checks.once()
    return night


def test_a_deadlock_in_mid_run_is_tried_again(checked: Night) -> None:
    """The other one has changed more rows, so the server makes the writer its victim."""
    checked.writes.batch_size = 1
    with ThreadPoolExecutor(1) as threads, connect(checked.database) as other, other.cursor() as cursor:
        for times in range(10):
            cursor.execute("UPDATE job_seekers SET user_id = id + %s", (times,))
        cursor.execute("SELECT job_seeker_id FROM line_accounts WHERE tenant_id = 1 FOR UPDATE")
        writing = threads.submit(checked.writes.once)
        checked.wait(lambda: is_one_waiting(checked), every_s=0.15)
        cursor.execute("UPDATE run_tenants SET chunks = chunks WHERE run_id = %s AND tenant_id = 1", (RUN,))
        other.commit()
        assert writing.result() == 1
    assert deadlocks(checked) > 0
    checked.drain()
    checked.settled()


def is_one_waiting(night: Night) -> bool:
    sql = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
    with night.server.admin.connect() as admin, admin.cursor() as cursor:
        cursor.execute(sql)
        return bool(cursor.fetchall()[0][0])


def deadlocks(night: Night) -> int:
    with night.server.admin.connect() as admin, admin.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")
        return int(cursor.fetchall()[0][1])


def test_mysql_restarted_in_mid_run(checked: Night) -> None:
    checked.server.stop()
    try:
        assert checked.writes.once() > 0
        checked.checks.once()
    finally:
        checked.server.start()
    assert not any(row.run_id for row in checked.ledger.accounts().values())
    checked.drain()
    checked.settled()


def test_mysql_read_only_for_a_while(checked: Night) -> None:
    checked.server.execute("SET GLOBAL read_only = 1")
    try:
        before = checked.stack.waiting("Writes")
        checked.writes.once()
        assert checked.stack.waiting("Writes") == before
    finally:
        checked.server.execute("SET GLOBAL read_only = 0")
    assert not any(row.run_id for row in checked.ledger.accounts().values())
    checked.drain()
    checked.settled()


@pytest.fixture
def dynamo(night: Night) -> Iterator[FaultyDynamo]:
    with FaultyDynamo(night.stack.endpoint_url).serving() as faulty:
        night.stack.extra["AWS_ENDPOINT_URL_DYNAMODB"] = faulty.url
        yield faulty


@pytest.mark.parametrize("mood", ["throttled", "away"])
def test_without_the_gate_no_call_goes_out_and_no_attempt_is_counted(
    night: Night, dynamo: FaultyDynamo, settings: dict[str, int], mood: Mood
) -> None:
    settings.update(attempts=1)
    night.seed({1: 350, 2: 90})
    dynamo.mood = mood
    night.dispatch()
    night.checks.batch_size = 10
    assert night.checks.once() == 5
    assert dynamo.refused > 0
    assert not night.asked()
    assert night.stack.delayed("FriendChecks") == night.stack.waiting("FriendChecks") == 5
    dynamo.mood = "well"
    night.drain()
    night.settled()
    assert night.asked().total() == night.askable()


def test_the_gate_lost_in_mid_chunk_stops_the_calls(
    night: Night, dynamo: FaultyDynamo, settings: dict[str, int]
) -> None:
    """A lease is up to 190 permits, and what is leased may be used."""
    settings.update(attempts=1)
    night.seed({1: 900})
    night.slow_down(1, rate_per_s=901)
    night.dispatch()
    night.warm_up()
    night.checks.batch_size = 10

    def fail_in_mid_chunk() -> None:
        night.wait(lambda: night.asked().total() > 0)
        dynamo.mood = "away"

    with ThreadPoolExecutor(1) as threads:
        failing = threads.submit(fail_in_mid_chunk)
        assert night.checks.once() == 9
        failing.result()
    asked = night.asked().total()
    assert 0 < asked < night.askable()
    assert night.stack.waiting("FriendChecks") > 0
    dynamo.mood = "well"
    night.drain()
    night.settled()


def test_a_worker_killed_in_mid_chunk_loses_nothing(night: Night) -> None:
    night.seed({1: 600, 2: 100})
    night.slow_down(1, rate_per_s=601)
    with night.workers(1, visibility_s=2) as (worker,):
        night.dispatch()
        night.wait(lambda: night.asked().total() > 50)
        worker.kill()
        worker.wait()
    assert night.stack.waiting("FriendChecks") >= 7
    night.drain()
    night.settled()
    assert night.asked().total() > night.askable()


def test_every_message_delivered_twice_and_in_reverse(night: Night) -> None:
    night.seed({1: 450, 2: 120, 3: 30})
    night.dispatch()
    chunks = night.stack.take("FriendChecks")
    night.checks.deliver([*reversed(chunks), *chunks])
    results = night.stack.take("Writes")
    assert len(results) >= 2 * len(chunks)
    night.writes.deliver([*reversed(results), *results])
    night.drain()
    night.settled()
    assert night.asked().total() == 2 * night.askable()
    assert [event["state"] for event in night.stack.announced()] == ["completed"]


def test_failures_delivered_twice_and_in_reverse_with_their_redrive(night: Night) -> None:
    """What failed first and was answered by a redrive stays answered, whichever message comes last."""
    night.seed({1: 250, 2: 120})
    night.dispatch()
    night.take_token(2)
    chunks = night.stack.take("FriendChecks")
    night.checks.deliver(chunks)
    night.put_token(2)
    night.redrive()
    night.checks.deliver(night.stack.take("FriendChecks"))
    results = night.stack.take("Writes")
    night.writes.deliver([*reversed(results), *results, *results])
    night.settled()


def test_a_results_queue_that_is_away_repeats_the_chunk_and_loses_nothing(night: Night) -> None:
    night.seed({1: 150})
    night.dispatch()
    url = night.stack.url("Writes")
    night.stack.extra["WRITES_QUEUE_URL"] = f"{url}-away"
    night.checks.once()
    assert night.stack.waiting("FriendChecks") == 2
    del night.stack.extra["WRITES_QUEUE_URL"]
    night.container.close()
    night.drain()
    night.settled()


def test_chunks_that_a_worker_has_too_many_of_go_back_and_count_no_attempt(
    night: Night, settings: dict[str, int]
) -> None:
    settings.update(chunks_per_channel=1, attempts=1)
    night.seed({1: 300, 2: 100})
    night.dispatch()
    night.checks.once()
    assert night.stack.waiting("FriendChecks") == 2
    night.drain()
    night.settled()
    assert night.asked().total() == night.askable()


def test_the_functions_time_is_measured_from_the_invocation(night: Night) -> None:
    night.seed({1: 100})
    night.dispatch()
    night.checks.timeout_s = 9.0
    began_s = time.monotonic()
    night.checks.once()
    assert time.monotonic() - began_s < 5
    assert not night.asked()
    night.checks.timeout_s = 120
    night.drain()
    night.settled()
