"""What the round's stores promise, held against the fake and against MySQL alike."""

from dataclasses import replace

import pytest

from tests.support.rounds import (
    BY_PROFILE,
    CHECK_RUN,
    NEXT_RUN,
    NIGHT,
    RUN,
    MemoryRounds,
    Rounds,
    Seeding,
    at,
    line_id,
)
from yomawari.adapters.mysql.memory import AccountRow, Change
from yomawari.messages import CheckResults
from yomawari.usecases.ports import Refused, Settled, WaitingTenant


def results(tenant_id: int = 1, run_id: int = RUN, observed_s: float = 60, **lists: object) -> CheckResults:
    return CheckResults.model_validate(
        {"run_id": run_id, "tenant_id": tenant_id, "observed_at": at(observed_s), **lists}
    )


def delete(rounds: Rounds, tenant_id: int, seeker_id: int) -> None:
    """Take a job seeker's LINE account away, as the web application may at any time."""
    if isinstance(rounds, MemoryRounds):
        rounds.tables.accounts_by_key.pop((tenant_id, seeker_id), None)
        return
    sql = "DELETE FROM line_accounts WHERE tenant_id = %s AND job_seeker_id = %s"
    rounds.session.transact(lambda cursor: cursor.execute(sql, (tenant_id, seeker_id)))


class TestDispatch:
    def test_a_run_begins_once_and_not_again_when_all_is_sent(self, rounds: Rounds, seed: Seeding) -> None:
        seed.tenant(1)
        assert rounds.dispatch.begin(RUN, NIGHT)
        assert rounds.dispatch.begin(RUN, at(5))
        rounds.dispatch.all_sent(RUN, at(10))
        assert not rounds.dispatch.begin(RUN, at(20))
        report = rounds.reports.report(RUN)
        assert report is not None
        assert (report.state, report.started_at, report.dispatched_at) == ("running", NIGHT, at(10))

    def test_waiting_are_those_neither_skipped_nor_sent_even_when_closed(self, rounds: Rounds, seed: Seeding) -> None:
        seed.tenant(1)
        seed.tenant(2)
        seed.tenant(3, rate_per_s=500)
        seed.tenant(4, has_channel=False)
        rounds.dispatch.begin(RUN, NIGHT)
        rounds.dispatch.skip(RUN, 1, "no token")
        rounds.dispatch.sent(RUN, 2, 0, 0)
        rounds.settle.settle(results(3, closed="unauthorized"))
        assert rounds.dispatch.waiting(RUN) == [WaitingTenant(3, True, 500, BY_PROFILE), WaitingTenant(4, False, None)]

    def test_whom_a_run_asks(self, rounds: Rounds, seed: Seeding) -> None:
        seed.tenant(1)
        friday = 1_005 - 1_005 % 7 + 4
        asked = {
            friday: AccountRow(line_id(friday), "not_friend", "not_friend", 5, NIGHT, 7),
            friday + 1: AccountRow(line_id(friday + 1), "not_friend", "not_friend", 5, NIGHT, 6),
            friday + 2: AccountRow(line_id(friday + 2)),
            friday + 3: AccountRow(line_id(friday + 3), "friend", "friend", 5, NIGHT),
            friday + 4: AccountRow(line_id(friday + 4), "invalid", "invalid", RUN, NIGHT),
            friday + 5: AccountRow(line_id(friday + 5), "not_friend", "not_friend", RUN, NIGHT, 9),
            friday + 6: AccountRow(line_id(friday + 6), "not_friend", "failed", RUN, NIGHT, 9),
        }
        spared = {
            friday + 8: AccountRow(line_id(friday + 8), "not_friend", "not_friend", 5, NIGHT, 7),
            friday + 9: AccountRow(line_id(friday + 9), "invalid", "invalid", 5, NIGHT),
            friday + 14: AccountRow(line_id(friday + 14), "invalid", "failed", 5, NIGHT),
        }
        for seeker_id, row in (asked | spared).items():
            rounds.add_account(1, seeker_id, row)
        assert list(rounds.dispatch.accounts(RUN, [1])) == [(1, seeker, line_id(seeker)) for seeker in sorted(asked)]

    def test_accounts_come_by_tenant_and_job_seeker_and_only_of_those_tenants(
        self, rounds: Rounds, seed: Seeding
    ) -> None:
        third, first = seed.tenant(3, 3), seed.tenant(1, 2)
        seed.tenant(2, 2)
        keys = [account[:2] for account in rounds.dispatch.accounts(RUN, [1, 3])]
        assert keys == [(1, seeker) for seeker in first] + [(3, seeker) for seeker in third]

    def test_a_closed_tenant_stays_closed_when_its_chunks_are_sent(self, rounds: Rounds, seed: Seeding) -> None:
        seed.tenant(1)
        rounds.dispatch.begin(RUN, NIGHT)
        rounds.settle.settle(results(closed="forbidden"))
        rounds.dispatch.sent(RUN, 1, 3, 1)
        report = rounds.reports.report(RUN)
        assert report is not None
        assert (report.tenants[0].state, report.tenants[0].reason, report.tenants[0].seekers) == (
            "closed",
            "forbidden",
            3,
        )


class TestSettle:
    def test_each_answer_once(self, rounds: Rounds, seed: Seeding) -> None:
        friend, blocked, invalid, failed, other = seed.tenant(1, 5)
        seed.dispatched(RUN, {1: 5})
        message = results(friend=[friend], not_friend=[blocked], invalid=[invalid], failed=[failed])
        assert rounds.settle.settle(message) == Settled(1, 1, 1, 1)
        assert rounds.settle.settle(message) == Settled()
        assert rounds.accounts() == {
            (1, friend): AccountRow(line_id(friend), "friend", "friend", RUN, at(60)),
            (1, blocked): AccountRow(line_id(blocked), "not_friend", "not_friend", RUN, at(60), 1),
            (1, invalid): AccountRow(line_id(invalid), "invalid", "invalid", RUN, at(60)),
            (1, failed): AccountRow(line_id(failed), "unknown", "failed", RUN),
            (1, other): AccountRow(line_id(other)),
        }

    def test_only_changes_are_noted(self, rounds: Rounds, seed: Seeding) -> None:
        (seeker,) = seed.tenant(1, 1)
        seed.dispatched(RUN, {1: 1})
        seed.dispatched(NEXT_RUN, {1: 1})
        rounds.settle.settle(results(friend=[seeker]))
        rounds.settle.settle(results(run_id=NEXT_RUN, observed_s=90_000, friend=[seeker]))
        assert rounds.changes() == [Change(1, seeker, RUN, "unknown", "friend", at(60))]

    def test_nights_are_counted_and_forgotten(self, rounds: Rounds, seed: Seeding) -> None:
        seed.tenant(1)
        rounds.add_account(1, 7, AccountRow(line_id(7), "not_friend", "not_friend", 5, NIGHT, 3))
        rounds.add_account(1, 8, AccountRow(line_id(8), "not_friend", "not_friend", 5, NIGHT, 3))
        seed.dispatched(RUN, {1: 2})
        rounds.settle.settle(results(not_friend=[7], friend=[8]))
        assert [row.not_friend_nights for row in rounds.accounts().values()] == [4, 0]

    def test_a_check_outside_the_round_is_no_night(self, rounds: Rounds, seed: Seeding) -> None:
        seed.tenant(1)
        rounds.add_account(1, 7, AccountRow(line_id(7), "not_friend", "not_friend", 5, NIGHT, 3))
        rounds.add_account(1, 8, AccountRow(line_id(8), "friend", "friend", 5, NIGHT))
        seed.dispatched(CHECK_RUN, {1: 2})
        assert rounds.settle.settle(results(run_id=CHECK_RUN, not_friend=[7, 8])) == Settled(not_friend=2, lost=1)
        assert [(row.friend_status, row.not_friend_nights) for row in rounds.accounts().values()] == [
            ("not_friend", 3),
            ("not_friend", 0),
        ]

    def test_an_answer_takes_back_a_failure_and_a_failure_never_an_answer(self, rounds: Rounds, seed: Seeding) -> None:
        first, second = seed.tenant(1, 2)
        seed.dispatched(RUN, {1: 2})
        rounds.settle.settle(results(failed=[first, second], reason="HTTP 500"))
        assert rounds.settle.settle(results(friend=[first])) == Settled(friend=1, recovered=1)
        assert rounds.settle.settle(results(failed=[first, second])) == Settled()
        report = rounds.reports.report(RUN)
        assert report is not None
        assert (report.totals.friends, report.totals.failed) == (1, 1)

    def test_an_older_observation_settles_the_run_and_leaves_the_status(self, rounds: Rounds, seed: Seeding) -> None:
        seed.tenant(1)
        rounds.add_account(1, 7, AccountRow(line_id(7), "friend", "friend", RUN, at(99)))
        seed.dispatched(NEXT_RUN, {1: 1})
        assert rounds.settle.settle(results(run_id=NEXT_RUN, observed_s=98, not_friend=[7])) == Settled(not_friend=1)
        assert rounds.accounts()[1, 7] == AccountRow(line_id(7), "friend", "not_friend", NEXT_RUN, at(99))
        assert rounds.changes() == []

    def test_an_answer_of_a_run_from_before_another_line_id_leaves_the_status(
        self, rounds: Rounds, seed: Seeding
    ) -> None:
        """Its chunk may carry the old id, however late it is asked; and what it says is no loss."""
        seed.tenant(1)
        linked = AccountRow(line_id(7), "unknown", "friend", 5, at(30), 0, at(30))
        rounds.add_account(1, 7, linked)
        rounds.add_account(1, 8, replace(linked, line_user_id=line_id(8), friend_status="friend"))
        seed.dispatched(RUN, {1: 2})
        assert rounds.settle.settle(results(invalid=[7], not_friend=[8])) == Settled(not_friend=1, invalid=1)
        assert [row.friend_status for row in rounds.accounts().values()] == ["unknown", "friend"]
        assert rounds.changes() == []
        rounds.dispatch.begin(CHECK_RUN, at(59))
        rounds.settle.settle(results(run_id=CHECK_RUN, observed_s=70, invalid=[7]))
        assert rounds.accounts()[1, 7].friend_status == "unknown", "the link may have been committed a little later"
        rounds.dispatch.begin(NEXT_RUN, at(86_400))
        rounds.settle.settle(results(run_id=NEXT_RUN, observed_s=86_460, friend=[7, 8]))
        assert [row.friend_status for row in rounds.accounts().values()] == ["friend", "friend"]

    def test_an_older_run_touches_nothing_a_newer_one_settled(self, rounds: Rounds, seed: Seeding) -> None:
        (seeker,) = seed.tenant(1, 1)
        seed.dispatched(RUN, {1: 1})
        seed.dispatched(NEXT_RUN, {1: 1})
        rounds.settle.settle(results(run_id=NEXT_RUN, friend=[seeker]))
        assert rounds.settle.settle(results(observed_s=90, not_friend=[seeker])) == Settled(passed_over=1)
        assert rounds.settle.settle(results(failed=[seeker])) == Settled()
        assert rounds.accounts()[1, seeker] == AccountRow(line_id(seeker), "friend", "friend", NEXT_RUN, at(60))

    def test_another_tenants_job_seeker_is_not_touched(self, rounds: Rounds, seed: Seeding) -> None:
        (seeker,) = seed.tenant(1, 1)
        seed.tenant(2)
        seed.dispatched(RUN, {1: 1, 2: 0})
        assert rounds.settle.settle(results(2, friend=[seeker])) == Settled()

    @pytest.mark.parametrize("wrong", [{"tenant_id": 9}, {"run_id": NEXT_RUN}])
    def test_an_unknown_run_or_tenant_is_refused(self, rounds: Rounds, seed: Seeding, wrong: dict[str, int]) -> None:
        (seeker,) = seed.tenant(1, 1)
        seed.dispatched(RUN, {1: 1})
        refused = rounds.settle.settle(results(friend=[seeker], **wrong))
        assert isinstance(refused, Refused)
        assert "no tenant" in refused.reason
        assert rounds.accounts()[1, seeker].friend_status == "unknown"

    def test_a_long_reason_is_cut(self, rounds: Rounds, seed: Seeding) -> None:
        seed.tenant(1)
        seed.dispatched(RUN, {1: 0})
        rounds.settle.settle(results(closed="x" * 300))
        report = rounds.reports.report(RUN)
        assert report is not None
        assert report.tenants[0].reason == "x" * 200


class TestPassedOver:
    def test_a_deleted_job_seeker_is_passed_over_once(self, rounds: Rounds, seed: Seeding) -> None:
        here, gone, later = seed.tenant(1, 3)
        seed.dispatched(RUN, {1: 3})
        delete(rounds, 1, gone)
        message = results(friend=[here], not_friend=[gone])
        assert rounds.settle.settle(message) == Settled(friend=1, passed_over=1)
        assert rounds.settle.settle(message) == Settled()
        assert rounds.settle.settle(results(failed=[gone])) == Settled()
        assert counted(rounds) == {"friends": 1, "passed_over": 1}
        assert rounds.end.end(RUN, at(100)) is None
        rounds.settle.settle(results(invalid=[later]))
        event = rounds.end.end(RUN, at(100))
        assert event is not None
        assert (event.state, event.seekers, event.passed_over) == ("completed", 3, 1)

    def test_a_chunk_of_nobody_who_is_left_ends_the_run(self, rounds: Rounds, seed: Seeding) -> None:
        gone = seed.tenant(1, 3)
        seed.dispatched(RUN, {1: 3})
        for seeker_id in gone:
            delete(rounds, 1, seeker_id)
        assert rounds.settle.settle(results(failed=gone)) == Settled(passed_over=3)
        event = rounds.end.end(RUN, at(100))
        assert event is not None
        assert event.state == "completed"

    def test_who_stands_twice_in_a_message_is_not_passed_over(self, rounds: Rounds, seed: Seeding) -> None:
        first, second = seed.tenant(1, 2)
        seed.dispatched(RUN, {1: 2})
        message = results(friend=[first, first], not_friend=[first], failed=[first, second, second])
        assert rounds.settle.settle(message) == Settled(friend=1, failed=1)

    def test_a_later_run_leaves_the_older_one_nobody_to_wait_for(self, rounds: Rounds, seed: Seeding) -> None:
        answered, failed, overtaken = seed.tenant(1, 3)
        seed.dispatched(RUN, {1: 3})
        seed.dispatched(NEXT_RUN, {1: 3})
        rounds.settle.settle(results(friend=[answered], failed=[failed]))
        rounds.settle.settle(results(run_id=NEXT_RUN, observed_s=90_000, friend=[failed, overtaken], failed=[answered]))
        assert rounds.settle.settle(results(friend=[failed, overtaken])) == Settled(passed_over=1)
        for run_id, state in ((RUN, "completed_with_failures"), (NEXT_RUN, "completed_with_failures")):
            event = rounds.end.end(run_id, at(90_001))
            assert event is not None
            assert event.state == state
        assert counted(rounds) == {"friends": 1, "failed": 1, "passed_over": 1}

    @pytest.mark.parametrize("recovered", [False, True], ids=["failed", "answered in the end"])
    def test_who_failed_and_is_gone_is_not_counted_twice(
        self, rounds: Rounds, seed: Seeding, *, recovered: bool
    ) -> None:
        failed, _ = seed.tenant(1, 2)
        seed.dispatched(RUN, {1: 2})
        rounds.settle.settle(results(failed=[failed]))
        if recovered:
            rounds.settle.settle(results(friend=[failed]))
        delete(rounds, 1, failed)
        assert rounds.settle.settle(results(friend=[failed])) == Settled()
        assert rounds.settle.settle(results(failed=[failed])) == Settled()
        assert counted(rounds) == ({"friends": 1} if recovered else {"failed": 1})
        assert rounds.end.end(RUN, at(100)) is None

    def test_who_was_answered_and_is_gone_is_out_of_the_count_when_all_answers_are_in(
        self, rounds: Rounds, seed: Seeding
    ) -> None:
        """No row tells any more that the first was counted; the others' answers do."""
        answered, gone, other = seed.tenant(1, 3)
        seed.dispatched(RUN, {1: 3})
        rounds.settle.settle(results(friend=[answered]))
        delete(rounds, 1, answered)
        delete(rounds, 1, gone)
        rounds.settle.settle(results(friend=[answered, gone]))
        assert counted(rounds) == {"friends": 1, "passed_over": 2}
        rounds.settle.settle(results(not_friend=[other]))
        assert counted(rounds) == {"friends": 1, "not_friends": 1, "passed_over": 1}

    def test_nobody_is_passed_over_in_a_tenant_who_is_complete(self, rounds: Rounds, seed: Seeding) -> None:
        (seeker,) = seed.tenant(1, 1)
        seed.dispatched(RUN, {1: 1})
        rounds.settle.settle(results(friend=[seeker]))
        delete(rounds, 1, seeker)
        assert rounds.settle.settle(results(friend=[seeker])) == Settled()
        assert counted(rounds) == {"friends": 1}

    def test_answers_that_come_while_chunks_are_sent_are_bounded_when_all_are(
        self, rounds: Rounds, seed: Seeding
    ) -> None:
        answered, gone = seed.tenant(1, 2)
        rounds.dispatch.begin(RUN, NIGHT)
        rounds.settle.settle(results(friend=[answered]))
        delete(rounds, 1, answered)
        delete(rounds, 1, gone)
        assert rounds.settle.settle(results(friend=[answered, gone])) == Settled(passed_over=2)
        assert counted(rounds) == {"friends": 1, "passed_over": 2}
        rounds.dispatch.sent(RUN, 1, 2, 1)
        assert counted(rounds) == {"friends": 1, "passed_over": 1}


def test_a_sweeps_own_count_takes_the_place_of_the_dispatchers(rounds: Rounds, seed: Seeding) -> None:
    """And bounds those passed over anew."""
    first, second, third = seed.tenant(1, 3)
    seed.dispatched(RUN, {1: 3})
    delete(rounds, 1, third)
    assert rounds.settle.settle(results(friend=[third])) == Settled(passed_over=1)
    rounds.settle.settle(results(friend=[first]))
    assert rounds.settle.settle(results(seekers=2)) == Settled()
    assert counted(rounds) == {"friends": 1, "passed_over": 1}
    rounds.settle.settle(results(not_friend=[second]))
    event = rounds.end.end(RUN, at(100))
    assert event is not None
    assert (event.seekers, event.friends, event.not_friends, event.passed_over) == (2, 1, 1, 0)


def test_a_dispatchers_guess_at_a_sweep_ends_nothing(rounds: Rounds, seed: Seeding) -> None:
    """Two were there; two more were registered before the sweep, and a later run was faster with one of them."""
    first, second, third, fourth = seed.tenant(1, 4)
    rounds.dispatch.begin(RUN, NIGHT)
    rounds.dispatch.sent(RUN, 1, 2, None)
    rounds.dispatch.all_sent(RUN, NIGHT)
    seed.dispatched(NEXT_RUN, {1: 1})
    rounds.settle.settle(results(1, NEXT_RUN, friend=[fourth]))
    assert rounds.settle.settle(results(friend=[first, second])) == Settled(2)
    assert rounds.end.end(RUN, at(1)) is None
    assert rounds.settle.settle(results(friend=[third, fourth])) == Settled(1, passed_over=1)
    assert rounds.end.end(RUN, at(2)) is None
    rounds.settle.settle(results(seekers=4))
    event = rounds.end.end(RUN, at(3))
    assert event is not None
    assert (event.seekers, event.friends, event.passed_over) == (4, 3, 1)


def test_more_answers_of_one_tenant_hide_no_missing_ones_of_another(rounds: Rounds, seed: Seeding) -> None:
    first, second = seed.tenant(1, 2)
    (missing,) = seed.tenant(2, 1)
    seed.dispatched(RUN, {1: 1, 2: 1})
    rounds.settle.settle(results(friend=[first, second]))
    assert rounds.end.end(RUN, at(1)) is None
    rounds.settle.settle(results(2, friend=[missing]))
    assert rounds.end.end(RUN, at(2)) is not None


def test_a_sweep_that_outlived_its_dispatcher_is_counted_all_the_same(rounds: Rounds, seed: Seeding) -> None:
    (seeker,) = seed.tenant(1, 1)
    rounds.dispatch.begin(RUN, NIGHT)
    rounds.settle.settle(results(friend=[seeker]))
    rounds.settle.settle(results(seekers=1))
    assert rounds.dispatch.waiting(RUN) == []
    rounds.dispatch.all_sent(RUN, at(1))
    assert rounds.end.end(RUN, at(2)) is not None
    report = rounds.reports.report(RUN)
    assert report is not None
    assert (report.tenants[0].state, report.tenants[0].seekers) == ("dispatched", 1)


def counted(rounds: Rounds) -> dict[str, int]:
    """What RUN has counted, without the zeros."""
    report = rounds.reports.report(RUN)
    assert report is not None
    counts = report.totals.model_dump(include={"friends", "not_friends", "invalid", "failed", "passed_over"})
    return {name: count for name, count in counts.items() if count}


class TestEnd:
    def test_a_run_ends_with_its_last_answer_and_is_announced_until_the_bus_knows(
        self, rounds: Rounds, seed: Seeding
    ) -> None:
        first, second = seed.tenant(1, 2)
        seed.tenant(2)
        rounds.dispatch.begin(RUN, NIGHT)
        rounds.dispatch.skip(RUN, 2, "no token")
        rounds.dispatch.sent(RUN, 1, 2, 1)
        rounds.settle.settle(results(friend=[first], not_friend=[second]))
        assert rounds.end.end(RUN, at(100)) is None, "not all chunks are sent"
        rounds.dispatch.all_sent(RUN, at(101))
        event = rounds.end.end(RUN, at(102))
        assert event is not None
        assert event.model_dump(exclude={"version", "kind"}) == {
            "run_id": RUN,
            "state": "completed",
            "seekers": 2,
            "friends": 1,
            "not_friends": 1,
            "invalid": 0,
            "failed": 0,
            "passed_over": 0,
            "tenants": 2,
            "tenants_skipped": 1,
            "tenants_held": 0,
        }
        assert rounds.end.end(RUN, at(103)) == event
        rounds.end.announced(RUN, event.state)
        assert rounds.end.end(RUN, at(104)) is None
        report = rounds.reports.report(RUN)
        assert report is not None
        assert (report.state, report.ended_at) == ("completed", at(102))

    def test_a_redrive_changes_how_a_run_ended(self, rounds: Rounds, seed: Seeding) -> None:
        (seeker,) = seed.tenant(1, 1)
        seed.dispatched(RUN, {1: 1})
        rounds.settle.settle(results(failed=[seeker]))
        event = rounds.end.end(RUN, at(100))
        assert event is not None
        assert (event.state, event.failed) == ("completed_with_failures", 1)
        rounds.end.announced(RUN, event.state)
        rounds.settle.settle(results(friend=[seeker]))
        better = rounds.end.end(RUN, at(200))
        assert better is not None
        assert (better.state, better.failed) == ("completed", 0)
        rounds.end.announced(RUN, "completed_with_failures")
        assert rounds.end.end(RUN, at(300)) == better, "a late note about the first end hides nothing"

    def test_a_run_without_anybody_ends(self, rounds: Rounds) -> None:
        rounds.dispatch.begin(RUN, NIGHT)
        rounds.dispatch.all_sent(RUN, NIGHT)
        event = rounds.end.end(RUN, at(1))
        assert event is not None
        assert (event.state, event.seekers) == ("completed", 0)

    def test_an_unknown_run_does_not_end(self, rounds: Rounds) -> None:
        assert rounds.end.end(RUN, NIGHT) is None


class TestReport:
    def test_no_run(self, rounds: Rounds) -> None:
        assert rounds.reports.report("latest") is None
        assert rounds.reports.report(RUN) is None

    def test_the_latest_run_with_its_tenants(self, rounds: Rounds, seed: Seeding) -> None:
        seekers = seed.tenant(2, 4)
        seed.tenant(1)
        seed.dispatched(RUN, {})
        rounds.dispatch.begin(NEXT_RUN, at(86_400))
        rounds.dispatch.sent(NEXT_RUN, 2, 4, 1)
        rounds.settle.settle(
            results(2, NEXT_RUN, friend=seekers[:1], not_friend=seekers[1:2], invalid=seekers[2:3], failed=seekers[3:])
        )
        report = rounds.reports.report("latest")
        assert report is not None
        assert report.run_id == NEXT_RUN
        assert report.totals.model_dump() == {
            "seekers": 4,
            "settled": 3,
            "friends": 1,
            "not_friends": 1,
            "invalid": 1,
            "failed": 1,
            "passed_over": 0,
        }
        assert [(row.tenant_id, row.name, row.state, row.seekers) for row in report.tenants] == [
            (1, "tenant 1", "pending", None),
            (2, "tenant 2", "dispatched", 4),
        ]
