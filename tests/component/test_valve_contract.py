"""Friends that are lost in a night: held or written, released or dropped; the fake and MySQL alike."""

import pytest

from tests.component.test_round_contract import counted, delete, results
from tests.support.rounds import NEXT_RUN, RUN, Rounds, Seeding, at, line_id
from yomawari.adapters.mysql.memory import AccountRow, Change
from yomawari.domain.runs import TenantReport
from yomawari.domain.valve import Bounds
from yomawari.messages import ReleaseHold, TenantHeld
from yomawari.usecases.ports import Refused, Released, Settled

NARROW = Bounds(over_percent=20, over_seekers=1)
"""Of ten friends two may go."""


@pytest.fixture
def ten(seed: Seeding) -> list[int]:
    """Ten friends of tenant 1, all sent out in RUN."""
    ids = seed.tenant(1, 10, "friend", bounds=NARROW)
    seed.dispatched(RUN, {1: 10})
    return ids


def tenant(rounds: Rounds, run_id: int = RUN) -> TenantReport:
    report = rounds.reports.report(run_id)
    assert report is not None
    return report.tenants[0]


def statuses(rounds: Rounds) -> dict[int, str]:
    return {seeker_id: row.friend_status for (_, seeker_id), row in rounds.accounts().items()}


def release(run_id: int = RUN, tenant_id: int = 1, *, discard: bool = False) -> ReleaseHold:
    return ReleaseHold(run_id=run_id, tenant_id=tenant_id, discard=discard)


class TestWithinBounds:
    def test_a_loss_is_counted_at_once_and_written_with_the_tenants_last_answer(
        self, rounds: Rounds, ten: list[int]
    ) -> None:
        lost, *others = ten
        assert rounds.settle.settle(results(not_friend=[lost])) == Settled(not_friend=1, lost=1)
        assert rounds.accounts()[1, lost] == AccountRow(line_id(lost), "friend", "not_friend", RUN)
        assert rounds.changes() == []
        rounds.settle.settle(results(observed_s=70, friend=others))
        assert rounds.accounts()[1, lost] == AccountRow(line_id(lost), "not_friend", "not_friend", RUN, at(60), 1)
        assert rounds.changes() == [Change(1, lost, RUN, "friend", "not_friend", at(60))]
        event = rounds.end.end(RUN, at(100))
        assert event is not None
        assert (event.state, event.not_friends, event.tenants_held) == ("completed", 1, 0)

    def test_it_does_not_matter_what_the_last_answer_is(self, rounds: Rounds, ten: list[int]) -> None:
        first, second, third, *others = ten
        rounds.settle.settle(results(not_friend=[first]))
        delete(rounds, 1, third)
        rounds.settle.settle(results(friend=[*others, third]))
        rounds.settle.settle(results(failed=[second]))
        assert statuses(rounds) == {first: "not_friend", second: "friend"} | dict.fromkeys(others, "friend")

    def test_an_invalid_id_is_a_loss_too(self, rounds: Rounds, ten: list[int]) -> None:
        lost, *others = ten
        assert rounds.settle.settle(results(invalid=[lost], friend=others)) == Settled(friend=9, invalid=1, lost=1)
        assert rounds.accounts()[1, lost] == AccountRow(line_id(lost), "invalid", "invalid", RUN, at(60))

    def test_who_was_no_friend_is_written_at_once(self, rounds: Rounds, seed: Seeding) -> None:
        seed.tenant(1, bounds=Bounds(0, 0))
        rounds.add_account(1, 7, AccountRow(line_id(7)))
        rounds.add_account(1, 8, AccountRow(line_id(8), "not_friend", "not_friend", 5, None, 3))
        seed.dispatched(RUN, {1: 3})
        assert rounds.settle.settle(results(not_friend=[7, 8])) == Settled(not_friend=2)
        assert statuses(rounds) == {7: "not_friend", 8: "not_friend"}

    def test_an_older_observation_is_no_loss(self, rounds: Rounds, seed: Seeding) -> None:
        seed.tenant(1, bounds=Bounds(0, 0))
        rounds.add_account(1, 7, AccountRow(line_id(7), "friend", "friend", 5, at(99)))
        seed.dispatched(RUN, {1: 1})
        assert rounds.settle.settle(results(observed_s=98, not_friend=[7])) == Settled(not_friend=1)
        assert tenant(rounds).valve == "open"

    def test_a_loss_that_is_redriven_is_written_too(self, rounds: Rounds, ten: list[int]) -> None:
        lost, *others = ten
        rounds.settle.settle(results(failed=[lost], friend=others))
        assert rounds.settle.settle(results(not_friend=[lost])) == Settled(not_friend=1, recovered=1, lost=1)
        assert statuses(rounds)[lost] == "not_friend"

    def test_the_usual_bounds_are_five_percent_and_fifty(self, rounds: Rounds, seed: Seeding) -> None:
        ids = seed.tenant(1, 60, "friend")
        seed.dispatched(RUN, {1: 60})
        assert rounds.settle.settle(results(not_friend=ids[:50])) == Settled(not_friend=50, lost=50)
        assert tenant(rounds).state == "dispatched"
        assert rounds.settle.settle(results(not_friend=ids[50:51])).hold is not None  # type: ignore[union-attr]

    def test_a_run_does_not_end_before_its_losses_are_judged(self, rounds: Rounds, seed: Seeding) -> None:
        """All answers were in before the dispatcher had counted them: any message of the tenant makes up for it."""
        lost, other = seed.tenant(1, 2, "friend")
        rounds.dispatch.begin(RUN, at(0))
        rounds.settle.settle(results(not_friend=[lost], friend=[other]))
        rounds.dispatch.sent(RUN, 1, 2, 1)
        rounds.dispatch.all_sent(RUN, at(1))
        assert rounds.end.end(RUN, at(2)) is None
        assert rounds.dispatch.unjudged(RUN) == [1]
        assert rounds.settle.settle(results()) == Settled()
        assert statuses(rounds)[lost] == "not_friend"
        assert rounds.dispatch.unjudged(RUN) == []
        assert rounds.end.end(RUN, at(3)) is not None


class TestHeld:
    def test_too_many_are_held_at_once_and_everything_else_is_written(self, rounds: Rounds, ten: list[int]) -> None:
        lost, others = ten[:3], ten[3:]
        held = TenantHeld(run_id=RUN, tenant_id=1, lost=3, friends_before=10)
        assert rounds.settle.settle(results(not_friend=lost)) == Settled(not_friend=3, lost=3, hold=held)
        assert rounds.end.end(RUN, at(90)) is None, "the others are still to come"
        rounds.end.hold_announced(held)
        assert rounds.settle.settle(results(friend=others)) == Settled(friend=7)
        assert set(statuses(rounds).values()) == {"friend"}
        assert rounds.changes() == []
        shown = tenant(rounds)
        assert (shown.state, shown.valve, shown.reason) == ("held", "held", "3 of 10 friends lost, held")
        assert (shown.lost, shown.friends_before, shown.not_friends) == (3, 10, 3)
        event = rounds.end.end(RUN, at(100))
        assert event is not None
        assert (event.state, event.tenants_held, event.not_friends) == ("completed_with_holds", 1, 3)

    def test_the_bus_is_told_until_it_knows(self, rounds: Rounds, ten: list[int]) -> None:
        message = results(not_friend=ten[:3])
        first = rounds.settle.settle(message)
        assert isinstance(first, Settled)
        assert first.hold is not None
        assert rounds.settle.settle(message) == Settled(hold=first.hold)
        rounds.end.hold_announced(first.hold)
        assert rounds.settle.settle(message) == Settled()

    def test_a_loss_after_the_hold_joins_it(self, rounds: Rounds, ten: list[int]) -> None:
        rounds.settle.settle(results(not_friend=ten[:3], failed=ten[3:5]))
        rounds.settle.settle(results(not_friend=ten[3:4], friend=ten[5:]))
        assert tenant(rounds).lost == 4
        assert rounds.settle.release(release()) == Released(4)
        assert [status for status in statuses(rounds).values() if status == "not_friend"] == ["not_friend"] * 4

    def test_holds_go_before_failures(self, rounds: Rounds, ten: list[int]) -> None:
        rounds.settle.settle(results(not_friend=ten[:3], failed=ten[3:]))
        event = rounds.end.end(RUN, at(100))
        assert event is not None
        assert (event.state, event.failed) == ("completed_with_holds", 7)
        rounds.settle.release(release())
        event = rounds.end.end(RUN, at(100))
        assert event is not None
        assert event.state == "completed_with_failures"

    def test_a_tenant_that_was_within_bounds_may_be_held_by_a_redrive(self, rounds: Rounds, ten: list[int]) -> None:
        rounds.settle.settle(results(not_friend=ten[:2], failed=ten[2:3], friend=ten[3:]))
        assert tenant(rounds).valve == "open"
        settled = rounds.settle.settle(results(not_friend=ten[2:3]))
        assert isinstance(settled, Settled)
        assert settled.hold is not None
        assert statuses(rounds)[ten[2]] == "friend"
        assert statuses(rounds)[ten[0]] == "not_friend", "what was believed before stays"
        assert rounds.settle.release(release()) == Released(1)

    def test_another_tenant_is_not_held(self, rounds: Rounds, seed: Seeding) -> None:
        first, second = seed.tenant(1, 3, "friend", bounds=Bounds(0, 0)), seed.tenant(2, 3, "friend")
        seed.dispatched(RUN, {1: 3, 2: 3})
        rounds.settle.settle(results(1, not_friend=first))
        rounds.settle.settle(results(2, not_friend=second))
        assert [statuses(rounds)[one] for one in (first[0], second[0])] == ["friend", "not_friend"]

    def test_a_closed_tenant_that_is_held_shows_the_hold(self, rounds: Rounds, ten: list[int]) -> None:
        rounds.settle.settle(results(not_friend=ten[:3], failed=ten[3:], closed="unauthorized"))
        assert tenant(rounds).state == "held"
        rounds.settle.release(release())
        assert (tenant(rounds).state, tenant(rounds).reason) == ("closed", "3 of 10 friends lost, released")


class TestRelease:
    @pytest.fixture
    def held(self, rounds: Rounds, ten: list[int]) -> list[int]:
        rounds.settle.settle(results(not_friend=ten[:2], invalid=ten[2:3], friend=ten[3:]))
        return ten

    def test_released_losses_are_written_as_they_were_observed(self, rounds: Rounds, held: list[int]) -> None:
        assert rounds.settle.release(release()) == Released(3)
        first, invalid = held[0], held[2]
        assert rounds.accounts()[1, first] == AccountRow(line_id(first), "not_friend", "not_friend", RUN, at(60), 1)
        assert rounds.accounts()[1, invalid] == AccountRow(line_id(invalid), "invalid", "invalid", RUN, at(60))
        assert {(change.job_seeker_id, change.to_status, change.observed_at) for change in rounds.changes()} == {
            (first, "not_friend", at(60)),
            (held[1], "not_friend", at(60)),
            (invalid, "invalid", at(60)),
        }
        assert (tenant(rounds).state, tenant(rounds).valve) == ("dispatched", "released")
        event = rounds.end.end(RUN, at(100))
        assert event is not None
        assert event.state == "completed"

    def test_discarded_losses_leave_no_trace_but_the_counters(self, rounds: Rounds, held: list[int]) -> None:
        assert rounds.settle.release(release(discard=True)) == Released(3)
        assert set(statuses(rounds).values()) == {"friend"}
        assert len(statuses(rounds)) == len(held)
        assert rounds.changes() == []
        assert counted(rounds) == {"friends": 7, "not_friends": 2, "invalid": 1}
        assert tenant(rounds).reason == "3 of 10 friends lost, discarded"
        asked = [seeker_id for _, seeker_id, _ in rounds.dispatch.accounts(NEXT_RUN, [1])]
        assert asked == held, "they are asked again the next night"

    def test_discarding_takes_back_whom_the_run_made_invalid(self, rounds: Rounds, ten: list[int]) -> None:
        """They were no friends, so they were written at once; but nobody would ask them again."""
        rounds.add_account(1, 7, AccountRow(line_id(7)))
        rounds.add_account(1, 8, AccountRow(line_id(8), "not_friend", "not_friend", 5, at(-99), 3))
        rounds.add_account(1, 9, AccountRow(line_id(9), "invalid", "invalid", 5, at(-99)))
        rounds.settle.settle(results(invalid=[*ten[:3], 7, 8], friend=ten[3:]))
        assert rounds.settle.release(release(discard=True)) == Released(5)
        assert {seeker_id: statuses(rounds)[seeker_id] for seeker_id in (7, 8, 9)} == {
            7: "unknown",
            8: "not_friend",
            9: "invalid",
        }
        assert {(one.job_seeker_id, one.from_status, one.to_status) for one in rounds.changes()} == {
            (7, "unknown", "invalid"),
            (8, "not_friend", "invalid"),
            (7, "invalid", "unknown"),
            (8, "invalid", "not_friend"),
        }

    def test_who_turns_invalid_after_the_discard_is_taken_back_too(self, rounds: Rounds, ten: list[int]) -> None:
        """The wave goes on, or is redriven: what was said of this run holds for all of it."""
        rounds.add_account(1, 7, AccountRow(line_id(7)))
        rounds.settle.settle(results(invalid=ten[:3]))
        rounds.settle.release(release(discard=True))
        assert rounds.settle.settle(results(invalid=[7, ten[3]])) == Settled(invalid=2, lost=1)
        assert (statuses(rounds)[7], statuses(rounds)[ten[3]]) == ("unknown", "friend")

    def test_what_a_newer_run_found_invalid_stays(self, rounds: Rounds, seed: Seeding, ten: list[int]) -> None:
        rounds.add_account(1, 7, AccountRow(line_id(7)))
        rounds.settle.settle(results(invalid=[*ten[:3], 7], friend=ten[3:]))
        seed.dispatched(NEXT_RUN, {1: 1})
        rounds.settle.settle(results(run_id=NEXT_RUN, observed_s=90_000, invalid=[7]))
        assert rounds.settle.release(release(discard=True)) == Released(3)
        assert statuses(rounds)[7] == "invalid"

    @pytest.mark.parametrize("discard", [False, True])
    def test_said_again_it_changes_nothing(self, rounds: Rounds, held: list[int], *, discard: bool) -> None:
        assert held
        rounds.settle.release(release(discard=discard))
        before = rounds.accounts(), list(rounds.changes())
        assert rounds.settle.release(release(discard=discard)) == Released(0)
        assert (rounds.accounts(), list(rounds.changes())) == before

    def test_what_is_not_held_cannot_be_released(self, rounds: Rounds, held: list[int]) -> None:
        assert held
        rounds.settle.release(release())
        assert rounds.settle.release(release(discard=True)) == Refused(
            f"tenant 1 of run {RUN} is not held but released"
        )
        assert rounds.settle.release(release(run_id=NEXT_RUN)) == Refused(f"no tenant 1 in run {NEXT_RUN}")

    @pytest.mark.parametrize(("discard", "status"), [(False, "not_friend"), (True, "friend")])
    def test_what_was_decided_holds_for_late_answers(
        self, rounds: Rounds, ten: list[int], *, discard: bool, status: str
    ) -> None:
        rounds.settle.settle(results(not_friend=ten[:3]))
        rounds.settle.release(release(discard=discard))
        rounds.settle.settle(results(not_friend=ten[3:4], friend=ten[4:]))
        assert statuses(rounds)[ten[3]] == status
        event = rounds.end.end(RUN, at(100))
        assert event is not None
        assert event.state == "completed"

    def test_a_release_never_undoes_a_newer_observation(self, rounds: Rounds, seed: Seeding, held: list[int]) -> None:
        again, still, failed = held[:3]
        seed.dispatched(NEXT_RUN, {1: 10})
        newer = results(run_id=NEXT_RUN, observed_s=90_000, friend=[again], not_friend=[still], failed=[failed])
        rounds.settle.settle(newer)
        assert rounds.settle.release(release()) == Released(2)
        assert rounds.accounts()[1, again] == AccountRow(line_id(again), "friend", "friend", NEXT_RUN, at(90_000))
        assert statuses(rounds)[still] == "not_friend", "the newer run's own loss is judged on its own"
        assert statuses(rounds)[failed] == "invalid", "a failure has observed nothing"

    def test_two_nights_of_losses_are_noted_once(self, rounds: Rounds, seed: Seeding, held: list[int]) -> None:
        seed.dispatched(NEXT_RUN, {1: 10})
        rounds.settle.settle(results(run_id=NEXT_RUN, observed_s=90_000, not_friend=held[:3], friend=held[3:]))
        assert tenant(rounds, NEXT_RUN).state == "held"
        rounds.settle.release(release())
        rounds.settle.release(release(run_id=NEXT_RUN))
        assert [(one.run_id, one.from_status, one.to_status) for one in rounds.changes()].count(
            (RUN, "friend", "not_friend")
        ) == 2
        assert len(rounds.changes()) == 4, "one was invalid, and is not_friend now"
        assert rounds.accounts()[1, held[0]].not_friend_nights == 2

    def test_an_older_run_released_after_a_newer_one_changes_nothing(
        self, rounds: Rounds, seed: Seeding, held: list[int]
    ) -> None:
        seed.dispatched(NEXT_RUN, {1: 10})
        rounds.settle.settle(results(run_id=NEXT_RUN, observed_s=90_000, not_friend=held[:3], friend=held[3:]))
        rounds.settle.release(release(run_id=NEXT_RUN))
        before = rounds.accounts()
        assert rounds.settle.release(release()) == Released(0)
        assert rounds.accounts() == before

    def test_who_is_gone_is_not_written(self, rounds: Rounds, held: list[int]) -> None:
        delete(rounds, 1, held[0])
        assert rounds.settle.release(release()) == Released(2)
