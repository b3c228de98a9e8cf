"""Dispatch, write and report together, over the fake store and over MySQL: started twice, dying, delivered twice."""

from collections.abc import Iterator
from itertools import count

import pytest

from tests.support.rounds import NIGHT, RUN, MemoryRounds, MySqlRounds, Rounds, Seeding, at
from yomawari.adapters.events_fake import EventBusFake
from yomawari.adapters.sqs_fake import QueueFake
from yomawari.adapters.ssm_fake import TokensFake
from yomawari.domain.runs import RunReport
from yomawari.domain.valve import Bounds
from yomawari.messages import CheckResults, FriendCheckChunk, ReleaseHold, TenantHeld
from yomawari.usecases.conclude_run import ConcludeRun
from yomawari.usecases.dispatch_checks import DispatchChecks, Dispatched
from yomawari.usecases.ports import Refused, Released, Unavailable
from yomawari.usecases.report_run import ReportRun, UnknownRun
from yomawari.usecases.write_results import WriteResults


class Night:
    """The use cases with their fakes; tenants 1 to 3 have a token."""

    def __init__(self, rounds: Rounds) -> None:
        self.rounds = rounds
        self.queue, self.writes, self.bus = QueueFake(), QueueFake(), EventBusFake()
        self.tokens = TokensFake(dict.fromkeys((1, 2, 3), "token"))
        seconds = count()
        conclude = ConcludeRun(rounds.end, self.bus, lambda: at(next(seconds)))
        self.dispatch = DispatchChecks(
            rounds.dispatch, self.tokens, self.queue, conclude, lambda: NIGHT, 1_900, writes=self.writes
        )
        self.write = WriteResults(rounds.settle, conclude)

    def chunks(self) -> list[FriendCheckChunk]:
        return [FriendCheckChunk.model_validate_json(message.body) for message in self.queue.sent]

    def report(self) -> RunReport:
        report = ReportRun(self.rounds.reports)(RUN)
        assert isinstance(report, RunReport)
        return report


@pytest.fixture(params=["memory", "mysql"])
def rounds(request: pytest.FixtureRequest) -> Iterator[Rounds]:
    if request.param == "memory":
        yield MemoryRounds()
    else:
        real = MySqlRounds(request.getfixturevalue("database"))
        yield real
        real.close()


@pytest.fixture
def night(rounds: Rounds) -> Night:
    return Night(rounds)


@pytest.fixture
def seed(rounds: Rounds) -> Seeding:
    return Seeding(rounds)


def answer(chunk: FriendCheckChunk, observed_s: float = 60, **changes: list[int]) -> CheckResults:
    """Everybody in the chunk is a friend, but for what is said."""
    others = {seeker_id for ids in changes.values() for seeker_id in ids}
    friends = [seeker_id for seeker_id, _ in chunk.seekers if seeker_id not in others]
    return CheckResults.model_validate(
        {
            "run_id": chunk.run_id,
            "tenant_id": chunk.tenant_id,
            "observed_at": at(observed_s),
            "friend": friends,
            **changes,
        }
    )


def test_a_whole_night(night: Night, seed: Seeding) -> None:
    first, second = seed.tenant(1, 3), seed.tenant(2, 2, rate_per_s=50)
    seed.tenant(3)
    assert night.dispatch(RUN) == Dispatched(tenants=3, seekers=5, chunks=2)
    chunks = night.chunks()
    assert [(chunk.tenant_id, [one for one, _ in chunk.seekers], chunk.rate_per_s) for chunk in chunks] == [
        (1, first, None),
        (2, second, 50),
    ]
    assert [(message.group, message.delay_s) for message in night.queue.sent] == [("1", 0), ("2", 0)]
    assert not night.bus.announced
    for chunk in chunks:
        night.write(answer(chunk))
    assert [event.state for event in night.bus.announced] == ["completed"]
    report = night.report()
    assert report.state == "completed"
    assert (report.totals.seekers, report.totals.settled, report.totals.friends) == (5, 5, 5)


def test_a_tenant_without_token_or_channel_is_skipped_and_shown(
    night: Night, seed: Seeding, caplog: pytest.LogCaptureFixture
) -> None:
    seed.tenant(1, 1)
    seed.tenant(2, 1, has_channel=False)
    seed.tenant(4, 1)
    assert night.dispatch(RUN) == Dispatched(tenants=1, seekers=1, chunks=1, skipped=2)
    assert [(row.tenant_id, row.state, row.reason) for row in night.report().tenants] == [
        (1, "dispatched", None),
        (2, "skipped", "no channel"),
        (4, "skipped", "no token"),
    ]
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warned == ["tenant skipped: no channel", "tenant skipped: no token"]
    night.write(answer(night.chunks()[0]))
    (event,) = night.bus.announced
    assert (event.tenants, event.tenants_skipped, event.seekers) == (3, 2, 1)


def test_a_second_start_changes_nothing(night: Night, seed: Seeding) -> None:
    seed.tenant(1, 3)
    night.dispatch(RUN)
    before = night.report()
    assert night.dispatch(RUN) == Dispatched()
    assert len(night.queue.sent) == 1
    assert night.report() == before


def test_a_run_with_nobody_to_ask_ends_with_its_dispatch(night: Night, seed: Seeding) -> None:
    seed.tenant(4, 3)
    night.dispatch(RUN)
    assert [(event.state, event.tenants_skipped) for event in night.bus.announced] == [("completed", 1)]


def test_a_dispatch_that_died_goes_on_and_counts_the_same(night: Night, seed: Seeding) -> None:
    """Tenant 2 dies between two sends, and its first chunks are answered before the next dispatch reads."""
    seed.tenant(1, 2)
    seed.tenant(2, 10_500 - 10_000)
    seed.tenant(3, 1)
    night.queue.failures = []
    sending = night.queue.send
    died = iter([False, True])

    def send_then_die(messages: list[object]) -> None:
        sending(messages)  # type: ignore[arg-type]
        if next(died, False):
            raise Unavailable("the function was killed")

    night.queue.send = send_then_die  # type: ignore[assignment,method-assign]
    with pytest.raises(Unavailable):
        night.dispatch(RUN)
    sent_before_death = night.chunks()
    assert [chunk.tenant_id for chunk in sent_before_death] == [1, 2]
    dead = sent_before_death[1]
    ids = [seeker_id for seeker_id, _ in dead.seekers]
    night.write(answer(dead, not_friend=ids[:5], invalid=ids[5:8], failed=ids[8:9]))
    assert not night.bus.announced

    assert night.dispatch(RUN) == Dispatched(tenants=2, seekers=501, chunks=2)
    assert [chunk.tenant_id for chunk in night.chunks()] == [1, 2, 2, 3]
    for chunk in night.chunks():
        night.write(answer(chunk, observed_s=120))
    report = night.report()
    assert [(row.seekers, row.settled, row.failed) for row in report.tenants] == [(2, 2, 0), (500, 500, 0), (1, 1, 0)]
    assert (report.totals.friends, report.totals.not_friends, report.totals.invalid) == (495, 5, 3)
    assert report.state == "completed"


def test_every_message_twice_and_in_reverse(night: Night, seed: Seeding) -> None:
    for tenant_id in (1, 2, 3):
        seed.tenant(tenant_id, 20)
    night.dispatch(RUN)
    answers = [
        answer(chunk, not_friend=[chunk.seekers[0][0]], failed=[chunk.seekers[1][0]]) for chunk in night.chunks()
    ]
    redriven = [answer(chunk, observed_s=600) for chunk in night.chunks()]
    for results in answers:
        night.write(results)
    assert [event.state for event in night.bus.announced] == ["completed_with_failures"]
    for results in [*reversed(answers), *reversed(redriven), *answers, *redriven]:
        night.write(results)
    assert [(event.state, event.failed) for event in night.bus.announced] == [
        ("completed_with_failures", 3),
        ("completed", 0),
    ]
    totals = night.report().totals
    assert (totals.seekers, totals.friends, totals.not_friends, totals.failed) == (60, 57, 3, 0)
    assert len(night.rounds.changes()) == 60


def test_an_end_that_could_not_be_announced_is_announced_by_the_message_coming_again(
    night: Night, seed: Seeding
) -> None:
    seed.tenant(1, 1)
    night.dispatch(RUN)
    results = answer(night.chunks()[0])
    night.bus.is_away = True
    with pytest.raises(Unavailable):
        night.write(results)
    night.bus.is_away = False
    night.write(results)
    night.write(results)
    assert [event.state for event in night.bus.announced] == ["completed"]


def test_an_end_that_the_dispatch_could_not_announce_is_announced_by_the_next(night: Night) -> None:
    night.bus.is_away = True
    with pytest.raises(Unavailable):
        night.dispatch(RUN)
    night.bus.is_away = False
    night.dispatch(RUN)
    assert [event.state for event in night.bus.announced] == ["completed"]


def test_nothing_is_dispatched_while_the_tokens_are_away(night: Night, seed: Seeding) -> None:
    seed.tenant(1, 1)
    night.tokens.is_away = True
    with pytest.raises(Unavailable):
        night.dispatch(RUN)
    assert not night.queue.sent
    night.tokens.is_away = False
    assert night.dispatch(RUN).chunks == 1


def test_a_message_of_no_run_is_refused_with_a_reason(night: Night) -> None:
    results = CheckResults(run_id=RUN, tenant_id=1, observed_at=NIGHT, friend=[1])
    assert night.write(results) == Refused(f"no tenant 1 in run {RUN}")


def test_an_unknown_run_is_a_value(rounds: Rounds) -> None:
    assert ReportRun(rounds.reports)() == UnknownRun("latest")
    assert ReportRun(rounds.reports)(RUN) == UnknownRun(RUN)


def test_losses_whose_tenant_was_complete_before_it_was_counted_are_judged_all_the_same(
    night: Night, seed: Seeding
) -> None:
    """The answers overtake the dispatcher's own note of how many it has sent."""
    lost, *_ = seed.tenant(1, 3, "friend")
    sent = night.rounds.dispatch.sent

    def answer_then_note(*args: int) -> None:
        for chunk in night.chunks():
            night.write(answer(chunk, not_friend=[lost]))
        sent(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(night.rounds.dispatch, "sent", answer_then_note)
        night.dispatch(RUN)
    assert not night.bus.announced
    assert night.dispatch(RUN) == Dispatched(), "a start again asks for the judgement again"
    first, second = (CheckResults.model_validate_json(message.body) for message in night.writes.sent)
    assert first == second
    night.write(first)
    night.write(second)
    assert [event.state for event in night.bus.announced] == ["completed"]
    assert night.rounds.accounts()[1, lost].friend_status == "not_friend"


def test_a_hold_is_announced_before_the_end_and_again_until_the_bus_knows(night: Night, seed: Seeding) -> None:
    ids = seed.tenant(1, 5, "friend", bounds=Bounds(0, 0))
    night.dispatch(RUN)
    results = answer(night.chunks()[0], not_friend=ids)
    night.bus.is_away = True
    with pytest.raises(Unavailable):
        night.write(results)
    night.bus.is_away = False
    night.write(results)
    night.write(results)
    assert night.bus.held == [TenantHeld(run_id=RUN, tenant_id=1, lost=5, friends_before=5)]
    assert [(event.state, event.tenants_held) for event in night.bus.announced] == [("completed_with_holds", 1)]


@pytest.mark.parametrize("discard", [False, True])
def test_a_release_ends_the_run_anew(night: Night, seed: Seeding, *, discard: bool) -> None:
    ids = seed.tenant(1, 5, "friend", bounds=Bounds(0, 0))
    night.dispatch(RUN)
    night.write(answer(night.chunks()[0], not_friend=ids))
    release = ReleaseHold(run_id=RUN, tenant_id=1, discard=discard)
    assert night.write(release) == Released(5)
    assert night.write(release) == Released(0)
    assert [event.state for event in night.bus.announced] == ["completed_with_holds", "completed"]
    wrong = ReleaseHold(run_id=RUN, tenant_id=1, discard=not discard)
    assert isinstance(night.write(wrong), Refused)


def test_more_than_ten_chunks_of_a_tenant_are_sent_ten_at_a_time(night: Night, seed: Seeding) -> None:
    seed.tenant(1, 12, rate_per_s=1)
    sizes: list[int] = []
    sending = night.queue.send

    def send(messages: list[object]) -> None:
        sizes.append(len(messages))
        sending(messages)  # type: ignore[arg-type]

    night.queue.send = send  # type: ignore[assignment,method-assign]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("yomawari.domain.chunks.CHUNK_SEEKERS", 1)
        assert night.dispatch(RUN).chunks == 12
    assert sizes == [10, 2]
    assert [message.delay_s for message in night.queue.sent] == list(range(12))
