"""Record and dispatch together, over the fake stores and over MySQL: twice, late, dying, and with no audience asked."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from tests.support.motivations import DAY, MemoryMotivations, Motivations, MySqlMotivations, People, hour, line_id
from tools.bench.private_server import PrivateServer
from tools.seed.motivations import numbers
from yomawari.adapters.mysql.connection import Database
from yomawari.adapters.sqs_fake import QueueFake
from yomawari.domain.summaries import DayStillOpenError
from yomawari.messages import SummaryChunk, TargetsRecorded
from yomawari.usecases.dispatch_summaries import DispatchedSummaries, DispatchSummaries
from yomawari.usecases.motivation_ports import Recorded
from yomawari.usecases.ports import Refused, Unavailable
from yomawari.usecases.record_targets import RecordTargets

CHANGER = 900


class Morning:
    """The use cases with their fakes; the changer is person 900, with histories 70 of both kinds."""

    def __init__(self, stores: Motivations) -> None:
        self.stores = stores
        self.queue = QueueFake()
        self.now = hour(9)
        self.people = People(stores)
        self.people.person(CHANGER)
        stores.add_history("job_change", 70, CHANGER, "active", hour(8))
        stores.add_history("side_job", 70, CHANGER, "open", hour(8))
        self.record = RecordTargets(stores.targets, lambda: self.now)
        self.at_once = DispatchSummaries(stores.summaries, self.queue, lambda: self.now, 1_900)

    def dispatch(self, day: date) -> DispatchedSummaries:
        """At eight on the next morning, or now if that is past."""
        self.now = max(self.now, hour(32) + (day - DAY))
        return self.at_once(day)

    def chunks(self) -> list[SummaryChunk]:
        return [SummaryChunk.model_validate_json(message.body) for message in self.queue.sent]

    def told(self) -> list[tuple[int, int]]:
        """(tenant, user) as published."""
        return [(chunk.tenant_id, one.user_id) for chunk in self.chunks() for one in chunk.recipients]


@pytest.fixture(params=["memory", "mysql"])
def morning(request: pytest.FixtureRequest) -> Iterator[Morning]:
    if request.param == "memory":
        yield Morning(MemoryMotivations())
    else:
        real = MySqlMotivations(request.getfixturevalue("database"))
        yield Morning(real)
        real.close()


def recorded(user_ids: list[int], **fields: Any) -> TargetsRecorded:
    """Told at nine, of the job change, unless it is said otherwise."""
    content = {
        "tenant_id": 1,
        "change_kind": "job_change",
        "history_id": 70,
        "user_ids": user_ids,
        "told_at": hour(9),
        **fields,
    }
    return TargetsRecorded.model_validate(content)


def test_from_record_to_chunks(morning: Morning) -> None:
    for user_id in (1, 2, 3):
        morning.people.person(user_id, 2 if user_id == 3 else 1)
    assert morning.record([recorded([1, 2, 3])]) == [Recorded(3)]
    assert morning.record([recorded([1], change_kind="side_job")]) == [Recorded(1)]
    assert morning.dispatch(DAY) == DispatchedSummaries(tenants=2, recipients=3, changes=4, chunks=2)
    assert [(message.group, message.delay_s) for message in morning.queue.sent] == [("1", 0), ("2", 0)]
    first, second = morning.chunks()
    assert (first.language, first.rate_per_s, second.language, second.rate_per_s) == ("ja", None, "en", 50)
    assert [(one.user_id, one.line_user_id, one.total) for one in first.recipients] == [
        (1, line_id(1_001), 2),
        (2, line_id(1_002), 1),
    ]
    assert {(change.kind, change.name, change.motivation) for change in first.recipients[0].changes} == {
        ("job_change", "person 900", "active"),
        ("side_job", "person 900", "open"),
    }


def test_a_message_twice_and_a_dispatch_twice_say_the_same(morning: Morning) -> None:
    morning.people.person(1, 1)
    morning.record([recorded([1])])
    morning.now = hour(30)
    morning.record([recorded([1])])
    first = morning.dispatch(DAY)
    assert morning.dispatch(DAY) == first
    assert morning.queue.sent[0] == morning.queue.sent[1]
    assert morning.dispatch(DAY + timedelta(days=1)) == DispatchedSummaries()


def test_what_is_recorded_after_the_summary_is_in_the_next_one(morning: Morning) -> None:
    """The writer was down over night."""
    for user_id in (1, 2):
        morning.people.person(user_id, 1)
    morning.record([recorded([1])])
    morning.dispatch(DAY)
    morning.now = hour(33)
    morning.record([recorded([1, 2], told_at=hour(23))])
    assert morning.dispatch(DAY).recipients == 1
    morning.dispatch(DAY + timedelta(days=1))
    assert morning.told() == [(1, 1), (1, 1), (1, 2)]


def test_targets_of_no_history_are_refused(morning: Morning) -> None:
    assert morning.record([recorded([1], history_id=71)]) == [Refused("no job_change history 71")]


def test_who_blocked_the_account_since_gets_none(morning: Morning) -> None:
    for user_id in (1, 2):
        morning.people.person(user_id, 1)
    morning.record([recorded([1, 2])])
    morning.stores.block(1_001)
    morning.dispatch(DAY)
    assert morning.told() == [(1, 2)]


@pytest.mark.parametrize("hours", [12, 25, 31, 31.08])
def test_a_day_that_is_still_open_is_refused(morning: Morning, hours: float) -> None:
    """Else what is recorded for it later would be in no summary: its people have had theirs."""
    morning.people.person(1, 1)
    morning.record([recorded([1])])
    morning.now = hour(hours)
    with pytest.raises(DayStillOpenError, match=r"2026-11-20 is still open: .* from 2026-11-21 07:05"):
        morning.at_once(DAY)
    assert morning.queue.sent == []
    assert morning.stores.days.report(DAY).summary.dispatched_at is None
    assert morning.at_once(DAY, even_open=True).recipients == 1
    morning.now = hour(31 + 5 / 60)
    assert morning.at_once(DAY).recipients == 1


def test_a_day_on_which_nobody_was_told(morning: Morning) -> None:
    assert morning.dispatch(DAY) == DispatchedSummaries()
    assert morning.queue.sent == []


def test_a_dispatch_that_dies_is_begun_anew(morning: Morning) -> None:
    morning.people.person(1, 1)
    morning.record([recorded([1])])
    morning.queue.failures = [Unavailable("SQS")]
    with pytest.raises(Unavailable):
        morning.dispatch(DAY)
    morning.dispatch(DAY)
    assert morning.told() == [(1, 1)]


def test_more_than_ten_chunks_are_sent_ten_at_a_time(morning: Morning) -> None:
    everyone = [morning.people.person(user_id, 2) for user_id in range(1, 61)]
    morning.record([recorded(everyone)])
    sizes: list[int] = []
    sending = morning.queue.send

    def send(messages: list[object]) -> None:
        sizes.append(len(messages))
        sending(messages)  # type: ignore[arg-type]

    morning.queue.send = send  # type: ignore[assignment,method-assign]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("yomawari.domain.summaries.CHUNK_RECIPIENTS", 5)
        assert morning.dispatch(DAY).chunks == 12
    assert sizes == [10, 2]
    assert [message.delay_s for message in morning.queue.sent] == [before // 50 for before in range(0, 60, 5)]
    assert [user_id for _, user_id in morning.told()] == everyone


def test_a_summary_never_asks_for_an_audience(database: Database, mariadb_server: PrivateServer) -> None:
    """Counted in the server's own log of queries; the audience of a change is one."""
    real = MySqlMotivations(database)
    morning = Morning(real)
    for user_id in range(1, 40):
        morning.people.person(user_id, 1, connected_to=CHANGER)
    mariadb_server.execute("SET GLOBAL log_output = 'TABLE', general_log = 1")
    try:
        real.audience.audience("job_change", 70, CHANGER)
        asked = audience_queries(mariadb_server, database)
        morning.record([recorded(list(range(1, 40)))])
        morning.dispatch(DAY)
        everything = audience_queries(mariadb_server, database)
    finally:
        mariadb_server.execute("SET GLOBAL general_log = 0; TRUNCATE mysql.general_log")
    real.close()
    assert (asked, everything) == (1, 1)
    assert len(morning.told()) == 39


def audience_queries(server: PrivateServer, database: Database) -> int:
    with server.admin.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM mysql.general_log WHERE argument LIKE '/* audience */%%' AND user_host LIKE %s",
            (f"{database.user}%",),
        )
        return int(cursor.fetchall()[0][0])


def test_a_stream_survives_many_batches(database: Database) -> None:
    """More people than are looked up at once, told about more than one kind."""
    real = MySqlMotivations(database)
    morning = Morning(real)
    people = numbers(899)
    for sql in (
        "INSERT INTO users (id, display_name) SELECT n + 1, 'x'",
        "INSERT INTO job_seekers (id, tenant_id, user_id, external_key) SELECT n + 1, 1, n + 1, n",
        "INSERT INTO line_accounts (tenant_id, job_seeker_id, line_user_id) SELECT 1, n + 1, CONCAT('U', MD5(n))",
    ):
        real.run(f"{sql} FROM {people}")
    real.run("UPDATE line_accounts SET friend_status = 'friend'")
    morning.record([recorded(list(range(1, 900)))])
    morning.record([recorded(list(range(2, 900, 2)), change_kind="side_job")])
    assert morning.dispatch(DAY).changes == 899 + 449
    assert [user_id for _, user_id in morning.told()] == list(range(1, 900))
    real.close()
