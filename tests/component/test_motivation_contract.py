"""What the stores about motivations promise, held against the fake and against MySQL alike."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from tests.support.motivations import (
    DAY,
    KINDS,
    MIDNIGHT,
    MemoryMotivations,
    Motivations,
    MySqlMotivations,
    People,
    hour,
    line_id,
    record,
)
from yomawari.domain.days import DayReport, SummaryReport
from yomawari.domain.deliveries import Claim
from yomawari.domain.motivations import (
    Audience,
    Change,
    ChangeKind,
    ChangerGone,
    NoSuchHistory,
    Notification,
    Recipient,
    TakenUp,
)
from yomawari.domain.summaries import MAX_CHANGES, Summary
from yomawari.usecases.motivation_ports import Recorded, Targets
from yomawari.usecases.ports import Refused

CHANGER = 9


@pytest.fixture(params=["memory", "mysql"])
def stores(request: pytest.FixtureRequest) -> Iterator[Motivations]:
    if request.param == "memory":
        yield MemoryMotivations()
    else:
        real = MySqlMotivations(request.getfixturevalue("database"))
        yield real
        real.close()


@pytest.fixture
def people(stores: Motivations) -> People:
    """The changer is there, reachable, and has changed both motivations (histories 70)."""
    made = People(stores)
    made.person(CHANGER, 1)
    stores.add_history("job_change", 70, CHANGER, "active", hour(9))
    stores.add_history("side_job", 70, CHANGER, "open", hour(10))
    return made


def told(stores: Motivations, kind: ChangeKind = "job_change") -> list[tuple[int, int]]:
    """(tenant, user) of the audience."""
    audience = stores.audience.audience(kind, 70, CHANGER)
    assert isinstance(audience, Audience)
    return [(one.tenant_id, one.user_id) for one in audience.recipients]


@pytest.mark.usefixtures("people")
class TestAudience:
    def test_connections_and_matching_recruiters_each_once(self, stores: Motivations, people: People) -> None:
        people.person(1, 2, connected_to=CHANGER)
        both = people.person(2, 1, connected_to=CHANGER)
        scout = people.person(3, 1)
        people.person(4, 1)
        stores.add_condition("job_change", "active", both)
        stores.add_condition("job_change", "active", scout)
        stores.add_condition("job_change", "open", 4)
        stores.add_condition("side_job", "active", 4)
        assert stores.audience.audience("job_change", 70, CHANGER) == Audience(
            Change("job_change", 70, CHANGER, "person 9", "active", hour(9)),
            (
                Recipient(1, "ja", both, line_id(1_002)),
                Recipient(1, "ja", scout, line_id(1_003)),
                Recipient(2, "en", 1, line_id(2_001), 50),
            ),
        )
        assert told(stores, "side_job") == [(1, 2), (2, 1)]

    def test_never_the_changer(self, stores: Motivations) -> None:
        stores.add_condition("job_change", "active", CHANGER)
        stores.connect(CHANGER, CHANGER)
        assert told(stores) == []

    def test_only_who_can_be_reached_and_wants_to_be(self, stores: Motivations, people: People) -> None:
        people.person(1, 1, connected_to=CHANGER, is_opted_out=True)
        people.person(2, 1, connected_to=CHANGER, is_deleted=True)
        people.person(3, connected_to=CHANGER)
        people.person(4, 1, connected_to=CHANGER)
        people.person(5, 1, connected_to=CHANGER)
        stores.block(1_004)
        assert told(stores) == [(1, 5)]

    def test_one_channel_a_person_the_first_whose_friend_they_are(self, stores: Motivations, people: People) -> None:
        people.person(1, 2, 1, connected_to=CHANGER)
        people.person(2, 1, 2, connected_to=CHANGER)
        stores.add_entry(1_500, 1, 1)
        stores.block(1_002)
        audience = stores.audience.audience("job_change", 70, CHANGER)
        assert isinstance(audience, Audience)
        assert [(one.user_id, one.line_user_id) for one in audience.recipients] == [
            (1, line_id(1_001)),
            (2, line_id(2_002)),
        ]
        stores.block(1_001)
        assert told(stores) == [(1, 1), (2, 2)]

    @pytest.mark.parametrize(("kind", "history_id", "user_id"), [("job_change", 71, CHANGER), ("side_job", 70, 8)])
    def test_no_such_history(self, stores: Motivations, kind: ChangeKind, history_id: int, user_id: int) -> None:
        assert stores.audience.audience(kind, history_id, user_id) == NoSuchHistory()

    def test_a_deleted_changer(self, stores: Motivations, people: People) -> None:
        people.person(1, 1, connected_to=CHANGER)
        stores.delete(CHANGER)
        assert stores.audience.audience("job_change", 70, CHANGER) == ChangerGone()

    def test_nobody(self, stores: Motivations) -> None:
        assert told(stores) == []


@pytest.mark.usefixtures("people")
class TestTargets:
    def test_recorded_once_with_the_first_time(self, stores: Motivations) -> None:
        assert record(stores, "job_change", 70, [3, 1, 3], hour(1)) == Recorded(2)
        assert record(stores, "job_change", 70, [1, 2], hour(2)) == Recorded(2)
        assert record(stores, "side_job", 70, [1], hour(3)) == Recorded(1)
        assert stores.recorded() == {
            ("job_change", 70, 1): hour(1),
            ("job_change", 70, 2): hour(2),
            ("job_change", 70, 3): hour(1),
            ("side_job", 70, 1): hour(3),
        }

    def test_several_at_once_as_one_after_another(self, stores: Motivations) -> None:
        targets = [
            Targets("job_change", 70, [2, 1], hour(5)),
            Targets("side_job", 70, [1], hour(4)),
            Targets("job_change", 70, [1, 3], hour(3)),
        ]
        assert stores.targets.record(targets) == [Recorded(2), Recorded(1), Recorded(2)]
        assert stores.recorded() == {
            ("job_change", 70, 1): hour(5),
            ("job_change", 70, 2): hour(5),
            ("job_change", 70, 3): hour(3),
            ("side_job", 70, 1): hour(4),
        }

    def test_nothing_at_once(self, stores: Motivations) -> None:
        assert stores.targets.record([]) == []

    def test_the_others_are_recorded_beside_one_that_is_refused(self, stores: Motivations) -> None:
        targets = [
            Targets("job_change", 70, [1], hour(1)),
            Targets("job_change", 71, [2], hour(1)),
            Targets("side_job", 70, [3], hour(1)),
        ]
        assert stores.targets.record(targets) == [Recorded(1), Refused("no job_change history 71"), Recorded(1)]
        assert set(stores.recorded()) == {("job_change", 70, 1), ("side_job", 70, 3)}

    def test_of_no_history_is_refused(self, stores: Motivations) -> None:
        assert record(stores, "side_job", 71, [1], MIDNIGHT) == Refused("no side_job history 71")
        assert stores.recorded() == {}


@pytest.mark.usefixtures("people")
class TestSummaries:
    def summary(self, stores: Motivations, day: date = DAY) -> list[Summary]:
        return list(stores.summaries.summaries(day))

    def test_everything_of_the_day_both_kinds_by_recipient(self, stores: Motivations, people: People) -> None:
        people.person(1, 1)
        people.person(2, 2)
        record(stores, "job_change", 70, [1, 2], hour(9))
        record(stores, "side_job", 70, [1], hour(10))
        job_change = Change("job_change", 70, CHANGER, "person 9", "active", hour(9))
        side_job = Change("side_job", 70, CHANGER, "person 9", "open", hour(10))
        assert self.summary(stores) == [
            Summary(Recipient(1, "ja", 1, line_id(1_001)), (side_job, job_change), 2),
            Summary(Recipient(2, "en", 2, line_id(2_002), 50), (job_change,), 1),
        ]

    def test_the_day_is_tokyos(self, stores: Motivations, people: People) -> None:
        people.person(1, 1)
        moments = [MIDNIGHT - timedelta(microseconds=1), MIDNIGHT, hour(24) - timedelta(microseconds=1), hour(24)]
        for number, moment in enumerate(moments):
            people.person(100 + number)
            stores.add_history("job_change", number + 1, 100 + number, "open", hour(-30))
            record(stores, "job_change", number + 1, [1], moment)
        ids = {
            day: [change.history_id for one in self.summary(stores, day) for change in one.changes]
            for day in (DAY - timedelta(days=1), DAY, DAY + timedelta(days=1))
        }
        assert list(ids.values()) == [[1], [3, 2], [4]]

    def test_only_the_latest_change_per_changer_and_kind(self, stores: Motivations, people: People) -> None:
        people.person(1, 1)
        people.person(8)
        stores.add_history("job_change", 71, CHANGER, "none", hour(11))
        stores.add_history("job_change", 72, 8, "none", hour(9.5))
        for history_id in (71, 70, 72):
            record(stores, "job_change", history_id, [1], hour(12))
        record(stores, "side_job", 70, [1], hour(12))
        (summary,) = self.summary(stores)
        assert [(change.kind, change.history_id) for change in summary.changes] == [
            ("job_change", 71),
            ("side_job", 70),
            ("job_change", 72),
        ]

    def test_people_are_taken_as_they_are_now(self, stores: Motivations, people: People) -> None:
        everyone = [people.person(user_id, 1, 2) for user_id in range(1, 6)]
        record(stores, "job_change", 70, everyone, hour(9))
        stores.block(1_001)
        stores.block(1_002)
        stores.block(2_002)
        stores.opt_out(3)
        stores.delete(4)
        assert [(one.recipient.tenant_id, one.recipient.user_id) for one in self.summary(stores)] == [(2, 1), (1, 5)]

    def test_a_deleted_changers_changes_are_left_out(self, stores: Motivations, people: People) -> None:
        people.person(1, 1)
        people.person(2, 1)
        people.person(8)
        stores.add_history("job_change", 71, 8, "open", hour(1))
        record(stores, "job_change", 70, [1, 2], hour(9))
        record(stores, "job_change", 71, [1], hour(9))
        stores.delete(CHANGER)
        assert [(one.recipient.user_id, one.total) for one in self.summary(stores)] == [(1, 1)]

    def test_a_long_list_is_cut_and_counted(self, stores: Motivations, people: People) -> None:
        people.person(1, 1)
        for number in range(MAX_CHANGES + 3):
            people.person(100 + number)
            stores.add_history("side_job", 100 + number, 100 + number, "active", hour(1) + timedelta(seconds=number))
            record(stores, "side_job", 100 + number, [1], hour(9))
        (summary,) = self.summary(stores)
        assert summary.total == MAX_CHANGES + 3
        assert [change.user_id for change in summary.changes] == list(range(102 + MAX_CHANGES, 102, -1))

    def test_an_empty_day(self, stores: Motivations) -> None:
        assert self.summary(stores) == []


class TestNotifications:
    def test_the_audience_is_fixed_once(self, stores: Motivations, people: People) -> None:
        for user_id in (1, 2, 3):
            people.person(user_id, 2 if user_id == 3 else 1, connected_to=CHANGER)
        taken_up = stores.notifications.take_up("job_change", 70, CHANGER, hour(9))
        assert isinstance(taken_up, TakenUp)
        assert (taken_up.change.name, taken_up.change.motivation) == (f"person {CHANGER}", "active")
        assert taken_up.fixed_at == hour(9)
        assert taken_up.untold == (
            Notification(1, "ja", ((1, line_id(1_001)), (2, line_id(1_002)))),
            Notification(2, "en", ((3, line_id(2_003)),), 50),
        )
        people.person(4, 1, connected_to=CHANGER)
        stores.block(1_001)
        stores.opt_out(3)
        assert stores.notifications.take_up("job_change", 70, CHANGER, hour(30)) == taken_up

    def test_what_is_told_is_told(self, stores: Motivations, people: People) -> None:
        for user_id in (1, 2):
            people.person(user_id, user_id, connected_to=CHANGER)
        for kind in KINDS:
            stores.notifications.take_up(kind, 70, CHANGER, hour(9))
        stores.notifications.told("job_change", 70, 1, hour(9))
        stores.notifications.told("job_change", 70, 1, hour(10))
        untold = {kind: self.untold(stores, kind) for kind in KINDS}
        assert untold == {"job_change": [2], "side_job": [1, 2]}

    def test_nobody_to_tell_stays_nobody(self, stores: Motivations, people: People) -> None:
        assert self.untold(stores, "job_change") == []
        people.person(1, 1, connected_to=CHANGER)
        assert self.untold(stores, "job_change") == []

    def test_a_change_that_is_not_there_fixes_nothing(self, stores: Motivations, people: People) -> None:
        people.person(1, 1, connected_to=CHANGER)
        for history_id, user_id in ((71, CHANGER), (70, 1)):
            assert stores.notifications.take_up("job_change", history_id, user_id, hour(9)) == NoSuchHistory()
        stores.add_history("job_change", 71, CHANGER, "open", hour(9))
        assert self.untold(stores, "job_change", 71) == [1]

    def test_once_the_changer_is_gone_nobody_else_is_told(self, stores: Motivations, people: People) -> None:
        people.person(1, 1, connected_to=CHANGER)
        assert self.untold(stores, "job_change") == [1]
        stores.delete(CHANGER)
        for kind in KINDS:
            assert stores.notifications.take_up(kind, 70, CHANGER, hour(9)) == ChangerGone()

    @staticmethod
    def untold(stores: Motivations, kind: ChangeKind, history_id: int = 70) -> list[int]:
        taken_up = stores.notifications.take_up(kind, history_id, CHANGER, hour(9))
        assert isinstance(taken_up, TakenUp)
        return [one.tenant_id for one in taken_up.untold]


class TestDeliveries:
    def test_a_claim_is_the_first_ones(self, stores: Motivations) -> None:
        assert stores.deliveries.claim(DAY, 1, [3, 1, 1], hour(32)) == {
            1: Claim(1, "claimed", hour(32)),
            3: Claim(1, "claimed", hour(32)),
        }
        assert stores.deliveries.claim(DAY, 2, [1, 2], hour(33)) == {
            1: Claim(1, "claimed", hour(32)),
            2: Claim(2, "claimed", hour(33)),
        }

    def test_each_is_marked_once_by_its_own_channel(self, stores: Motivations) -> None:
        stores.deliveries.claim(DAY, 1, [1, 2], hour(32))
        stores.deliveries.claim(DAY, 2, [3], hour(32))
        assert stores.deliveries.mark(DAY, 1, [1, 3, 4], "sent", hour(33)) == 1
        assert stores.deliveries.mark(DAY, 1, [1, 2], "rejected", hour(34)) == 1
        assert stores.deliveries.mark(DAY, 1, [1, 2], "sent", hour(34)) == 0
        assert stores.claims() == {
            (DAY, 1): Claim(1, "sent", hour(32)),
            (DAY, 2): Claim(1, "rejected", hour(32)),
            (DAY, 3): Claim(2, "claimed", hour(32)),
        }

    def test_days_know_nothing_of_each_other(self, stores: Motivations) -> None:
        tomorrow = DAY + timedelta(days=1)
        stores.deliveries.claim(DAY, 1, [1], hour(32))
        stores.deliveries.mark(tomorrow, 1, [1], "sent", hour(56))
        assert stores.deliveries.claim(tomorrow, 1, [1], hour(57)) == {1: Claim(1, "claimed", hour(57))}
        assert stores.claims()[DAY, 1] == Claim(1, "claimed", hour(32))

    def test_nobody(self, stores: Motivations) -> None:
        assert stores.deliveries.claim(DAY, 1, [], hour(32)) == {}
        assert stores.deliveries.mark(DAY, 1, [], "sent", hour(32)) == 0
        assert stores.claims() == {}


class TestDays:
    def test_a_day_as_it_goes_on(self, stores: Motivations, people: People) -> None:
        for user_id in (1, 2, 3):
            people.person(user_id, 2 if user_id == 3 else 1, connected_to=CHANGER)
        for kind in KINDS:
            stores.notifications.take_up(kind, 70, CHANGER, hour(9))
            stores.notifications.told(kind, 70, 1, hour(9))
        stores.notifications.told("side_job", 70, 2, hour(9))
        record(stores, "job_change", 70, [1, 2], hour(9))
        record(stores, "side_job", 70, [1, 2, 3], hour(9))
        report = stores.days.report(DAY)
        assert (report.changes, report.untold, report.recorded) == (2, {2: 1}, 5)
        assert report.summary == SummaryReport()
        assert not report.summary.is_done

    def test_a_summary_as_it_goes_on(self, stores: Motivations) -> None:
        stores.summaries.dispatched(DAY, 9, 2, hour(32))
        stores.summaries.dispatched(DAY, 4, 2, hour(33))
        stores.deliveries.claim(DAY, 1, [1, 2, 3], hour(33))
        stores.deliveries.claim(DAY, 2, [4], hour(33))
        stores.deliveries.mark(DAY, 1, [1, 2], "sent", hour(33))
        stores.deliveries.mark(DAY, 1, [3], "rejected", hour(33))
        summary = stores.days.report(DAY).summary
        assert summary == SummaryReport(dispatched_at=hour(33), recipients=4, sent=2, rejected=1, claimed={2: 1})
        assert not summary.is_done
        stores.deliveries.mark(DAY, 2, [4], "sent", hour(33))
        assert stores.days.report(DAY).summary.is_done

    def test_other_days_are_other_days(self, stores: Motivations, people: People) -> None:
        people.person(1, 1, connected_to=CHANGER)
        for kind, hours in zip(KINDS, (-0.1, 24), strict=True):
            stores.notifications.take_up(kind, 70, CHANGER, hour(hours))
            record(stores, kind, 70, [1], hour(hours))
        stores.summaries.dispatched(DAY + timedelta(days=1), 9, 2, hour(32))
        assert stores.days.report(DAY) == DayReport(day=DAY)
