"""Dispatch, write and report together, over the fake store and over MySQL: started twice, dying, delivered twice."""

from itertools import count

import pytest

from tests.support.rounds import NIGHT, RUN, Rounds, Seeding, at, line_id
from yomawari.adapters.events_fake import EventBusFake
from yomawari.adapters.mysql.memory import AccountRow
from yomawari.adapters.sqs_fake import QueueFake
from yomawari.adapters.ssm_fake import TokensFake
from yomawari.domain.runs import RunReport
from yomawari.domain.valve import Bounds
from yomawari.domain.ways import PROBE_EVERY, Channel
from yomawari.messages import CheckResults, FollowerSweep, FriendCheckChunk, ReleaseHold, TenantHeld
from yomawari.usecases.conclude_run import ConcludeRun
from yomawari.usecases.dispatch_checks import DispatchChecks, Dispatched
from yomawari.usecases.ports import Refused, Released, Scope, Unavailable
from yomawari.usecases.report_run import ReportRun, UnknownRun
from yomawari.usecases.write_results import WriteResults

CHECK = 2026_11_20_02_60
"""A check in RUN's hour."""


class Night:
    """The use cases with their fakes; tenants 1 to 3 have a token."""

    def __init__(self, rounds: Rounds) -> None:
        self.rounds = rounds
        self.queue, self.sweeps, self.writes = QueueFake(), QueueFake(), QueueFake()
        self.bus = EventBusFake()
        self.tokens = TokensFake(dict.fromkeys((1, 2, 3), "token"))
        seconds = count()
        conclude = ConcludeRun(rounds.end, self.bus, lambda: at(next(seconds)))
        self.dispatch = DispatchChecks(
            rounds.dispatch,
            self.tokens,
            self.queue,
            conclude,
            lambda: NIGHT,
            1_900,
            sweeps=self.sweeps,
            writes=self.writes,
        )
        self.write = WriteResults(rounds.settle, conclude)

    def chunks(self) -> list[FriendCheckChunk]:
        return [FriendCheckChunk.model_validate_json(message.body) for message in self.queue.sent]

    def report(self) -> RunReport:
        report = ReportRun(self.rounds.reports)(RUN)
        assert isinstance(report, RunReport)
        return report


@pytest.fixture
def night(rounds: Rounds) -> Night:
    return Night(rounds)


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
    assert [event.state for event in night.bus.runs()] == ["completed"]
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
    (event,) = night.bus.runs()
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
    assert [(event.state, event.tenants_skipped) for event in night.bus.runs()] == [("completed", 1)]


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
    assert [event.state for event in night.bus.runs()] == ["completed_with_failures"]
    for results in [*reversed(answers), *reversed(redriven), *answers, *redriven]:
        night.write(results)
    assert [(event.state, event.failed) for event in night.bus.runs()] == [
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
    assert [event.state for event in night.bus.runs()] == ["completed"]


def test_an_end_that_the_dispatch_could_not_announce_is_announced_by_the_next(night: Night) -> None:
    night.bus.is_away = True
    with pytest.raises(Unavailable):
        night.dispatch(RUN)
    night.bus.is_away = False
    night.dispatch(RUN)
    assert [event.state for event in night.bus.runs()] == ["completed"]


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
    assert [event.state for event in night.bus.runs()] == ["completed"]
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
    assert night.bus.held() == [TenantHeld(run_id=RUN, tenant_id=1, lost=5, friends_before=5)]
    assert [(event.state, event.tenants_held) for event in night.bus.runs()] == [("completed_with_holds", 1)]


@pytest.mark.parametrize("discard", [False, True])
def test_a_release_ends_the_run_anew(night: Night, seed: Seeding, *, discard: bool) -> None:
    ids = seed.tenant(1, 5, "friend", bounds=Bounds(0, 0))
    night.dispatch(RUN)
    night.write(answer(night.chunks()[0], not_friend=ids))
    release = ReleaseHold(run_id=RUN, tenant_id=1, discard=discard)
    assert night.write(release) == Released(5)
    assert night.write(release) == Released(0)
    assert [event.state for event in night.bus.runs()] == ["completed_with_holds", "completed"]
    wrong = ReleaseHold(run_id=RUN, tenant_id=1, discard=not discard)
    assert isinstance(night.write(wrong), Refused)


class TestSweeps:
    def test_a_channel_whose_list_may_be_had_is_one_message(self, night: Night, seed: Seeding) -> None:
        allowed = Channel("auto", followers_allowed=True, followers_probed_at=NIGHT)
        swept, chunked = seed.tenant(1, 3, rate_per_s=70, channel=allowed), seed.tenant(2, 2)
        assert night.dispatch(RUN) == Dispatched(tenants=2, seekers=5, chunks=1, sweeps=1)
        (message,) = night.sweeps.sent
        sweep = FollowerSweep(run_id=RUN, tenant_id=1, rate_per_s=70)
        assert (FollowerSweep.model_validate_json(message.body), message.group) == (sweep, "1")
        assert [seeker_id for chunk in night.chunks() for seeker_id, _ in chunk.seekers] == chunked
        assert [(row.state, row.seekers) for row in night.report().tenants] == [("dispatched", 3), ("dispatched", 2)]
        night.write(answer(night.chunks()[0]))
        night.write(CheckResults(run_id=RUN, tenant_id=1, observed_at=at(60), friend=swept))
        assert not night.bus.runs(), "the sweep has not counted"
        night.write(CheckResults(run_id=RUN, tenant_id=1, observed_at=at(60), seekers=3))
        assert [event.state for event in night.bus.runs()] == ["completed"]

    @pytest.mark.parametrize(
        ("channel", "sweeps", "probe"),
        [
            (Channel(), 1, True),
            (Channel("auto", False, NIGHT), 0, None),
            (Channel("auto", False, NIGHT - PROBE_EVERY), 1, True),
            (Channel("followers", False, NIGHT), 1, False),
            (Channel("profile", True, NIGHT), 0, None),
        ],
    )
    def test_which_channels_are_swept(
        self, night: Night, seed: Seeding, channel: Channel, sweeps: int, probe: bool | None
    ) -> None:
        seed.tenant(1, 1, channel=channel)
        dispatched = night.dispatch(RUN)
        assert (dispatched.sweeps, dispatched.chunks) == (sweeps, 1 - sweeps)
        sent = [FollowerSweep.model_validate_json(message.body).probe for message in night.sweeps.sent]
        assert sent == ([] if probe is None else [probe])

    def test_a_sweep_counts_for_itself(self, night: Night, seed: Seeding) -> None:
        """Two left and one came between the dispatch and the sweep, which was faster than the dispatcher's own note."""
        first, *_ = seed.tenant(1, 4, channel=Channel())
        sent = night.rounds.dispatch.sent

        def be_faster(*args: int) -> None:
            night.write(CheckResults(run_id=RUN, tenant_id=1, observed_at=at(60), seekers=3))
            sent(*args)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(night.rounds.dispatch, "sent", be_faster)
            night.dispatch(RUN)
        assert night.report().tenants[0].seekers == 3
        night.write(CheckResults(run_id=RUN, tenant_id=1, observed_at=at(60), friend=[first, first + 1, first + 2]))
        assert [event.seekers for event in night.bus.runs()] == [3]

    def test_a_dispatch_that_died_sends_the_sweep_again(self, night: Night, seed: Seeding) -> None:
        seed.tenant(1, 1, channel=Channel())
        seed.tenant(2, 1, channel=Channel())
        sent = night.rounds.dispatch.sent
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(night.rounds.dispatch, "sent", killed)
            with pytest.raises(Unavailable):
                night.dispatch(RUN)
            patch.setattr(night.rounds.dispatch, "sent", sent)
        assert night.dispatch(RUN).sweeps == 2
        tenants = [FollowerSweep.model_validate_json(message.body).tenant_id for message in night.sweeps.sent]
        assert tenants == [1, 1, 2]


class TestChecks:
    """Outside the round, of one tenant."""

    def test_a_tenant_is_asked_again_in_a_run_of_its_own(self, night: Night, seed: Seeding) -> None:
        first = seed.tenant(1, 3)
        seed.tenant(2, 2)
        assert night.dispatch(CHECK, Scope(1)) == Dispatched(tenants=1, seekers=3, chunks=1)
        (chunk,) = night.chunks()
        assert (chunk.run_id, [one for one, _ in chunk.seekers]) == (CHECK, first)
        night.write(answer(chunk))
        (event,) = night.bus.runs()
        assert (event.run_id, event.state, event.tenants, event.seekers) == (CHECK, "completed", 1, 3)

    def test_named_job_seekers_are_asked_one_by_one_whatever_is_known_of_them(
        self, night: Night, seed: Seeding
    ) -> None:
        first, second, *_ = seed.tenant(1, 3, channel=Channel("followers"))
        night.rounds.add_account(1, 7, AccountRow(line_id(7), "not_friend", "not_friend", 5, NIGHT, 9))
        night.rounds.add_account(1, 8, AccountRow(line_id(8), "invalid", "invalid", 5, NIGHT))
        assert night.dispatch(CHECK, Scope(1, (8, 7, second, 999))) == Dispatched(tenants=1, seekers=3, chunks=1)
        assert [one for one, _ in night.chunks()[0].seekers] == [7, 8, second]
        night.write(answer(night.chunks()[0], observed_s=60))
        statuses = {seeker: row.friend_status for (_, seeker), row in night.rounds.accounts().items()}
        assert (statuses[7], statuses[8], statuses[first]) == ("friend", "friend", "unknown")

    def test_a_whole_tenant_whose_list_may_be_had_is_swept(self, night: Night, seed: Seeding) -> None:
        seed.tenant(1, 3, channel=Channel("followers"))
        assert night.dispatch(CHECK, Scope(1)).sweeps == 1

    def test_only_friends_among_those_named_count_for_the_valve(self, night: Night, seed: Seeding) -> None:
        ids = seed.tenant(1, 10, "friend", bounds=Bounds(50, 0))
        night.dispatch(CHECK, Scope(1, (ids[0], ids[1])))
        night.write(answer(night.chunks()[0], not_friend=ids[:2]))
        assert night.bus.held() == [TenantHeld(run_id=CHECK, tenant_id=1, lost=2, friends_before=2)]

    def test_a_night_under_way_passes_over_whom_a_check_has_answered_for(self, night: Night, seed: Seeding) -> None:
        asked, *others = seed.tenant(1, 3)
        night.dispatch(RUN)
        (chunk,) = night.chunks()
        night.dispatch(CHECK, Scope(1, (asked,)))
        night.write(answer(night.chunks()[1], observed_s=90))
        night.write(answer(chunk, observed_s=60, not_friend=[asked]))
        totals = night.report().totals
        assert (totals.friends, totals.passed_over) == (len(others), 1)
        assert night.rounds.accounts()[1, asked].friend_status == "friend"
        assert [(event.run_id, event.state) for event in night.bus.runs()] == [
            (CHECK, "completed"),
            (RUN, "completed"),
        ]

    def test_a_tenant_nobody_knows_is_nothing_to_dispatch(self, night: Night) -> None:
        assert night.dispatch(CHECK, Scope(9)) == Dispatched()

    def test_the_latest_run_is_a_nights(self, night: Night, seed: Seeding) -> None:
        seed.tenant(1, 1)
        night.dispatch(RUN)
        night.dispatch(CHECK, Scope(1))
        latest = ReportRun(night.rounds.reports)()
        assert isinstance(latest, RunReport)
        assert latest.run_id == RUN


def killed(*_: object) -> None:
    raise Unavailable("the function was killed")


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
