"""Whatever comes, how often and in whichever order: fake and MySQL agree, and the counters add up.

Answers of two runs that overlap, deletions between them, and what an operator says of holds: one tenant's losses are
held from the second on; the other's are written, and it is swept, so that how many it has comes as a message too.
"""

from collections import Counter
from dataclasses import dataclass
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.component.test_round_contract import delete
from tests.support.rounds import NEXT_RUN, NIGHT, RUN, MemoryRounds, MySqlRounds, Rounds, Seeding, at
from yomawari.adapters.mysql.connection import Database
from yomawari.domain.valve import Bounds
from yomawari.messages import CheckResults, ReleaseHold
from yomawari.usecases.ports import Refused, Released, Settled

TENANTS = {1: 4, 2: 3}
BOUNDS = {1: Bounds(over_percent=25, over_seekers=1)}
RUNS = (RUN, NEXT_RUN)
SWEPT, GUESSES = 2, (1, 5)
"""Tenant 2 is swept, and the dispatcher guesses wrong of it."""
OUTCOMES = ("friend", "not_friend", "invalid", "failed")
COUNTERS = ("friends", "not_friends", "invalid", "failed")


@dataclass(frozen=True)
class Deletion:
    """A job seeker goes."""

    tenant_id: int
    seeker_id: int


Step = CheckResults | Deletion | ReleaseHold


def seekers_of(tenant_id: int) -> list[int]:
    return [tenant_id * 1_000 + 1 + number for number in range(TENANTS[tenant_id])]


@st.composite
def messages(draw: st.DrawFn) -> CheckResults:
    """A result of either run with any outcomes; ids may stand twice."""
    tenant_id = draw(st.sampled_from(sorted(TENANTS)))
    ids = st.lists(st.sampled_from(seekers_of(tenant_id)), max_size=4)
    return CheckResults(
        run_id=draw(st.sampled_from(RUNS)),
        tenant_id=tenant_id,
        observed_at=at(draw(st.integers(0, 5))),
        friend=draw(ids),
        not_friend=draw(ids),
        invalid=draw(ids),
        failed=draw(ids),
        closed=draw(st.sampled_from([None, None, None, "unauthorized"])),
    )


@st.composite
def deletions(draw: st.DrawFn) -> Deletion:
    """Anybody, also somebody who has gone before."""
    tenant_id = draw(st.sampled_from(sorted(TENANTS)))
    return Deletion(tenant_id, draw(st.sampled_from(seekers_of(tenant_id))))


@st.composite
def releases(draw: st.DrawFn) -> ReleaseHold:
    """Also of a tenant that is not held."""
    tenant_id = draw(st.sampled_from(sorted(TENANTS)))
    return ReleaseHold(run_id=draw(st.sampled_from(RUNS)), tenant_id=tenant_id, discard=draw(st.booleans()))


STEPS = st.lists(st.one_of(messages(), messages(), messages(), messages(), deletions(), releases()), max_size=12)


def everybodys(run_id: int) -> list[CheckResults]:
    """A last message for each tenant, so that everybody's has come; and the count of the sweep."""
    last = [
        CheckResults(run_id=run_id, tenant_id=tenant_id, observed_at=at(9), failed=seekers_of(tenant_id))
        for tenant_id in TENANTS
    ]
    return [*last, CheckResults(run_id=run_id, tenant_id=SWEPT, observed_at=at(9), seekers=TENANTS[SWEPT])]


def seeded(rounds: Rounds) -> None:
    seed = Seeding(rounds)
    for tenant_id, seekers in TENANTS.items():
        seed.tenant(tenant_id, seekers, "friend", bounds=BOUNDS.get(tenant_id))
    for run_id, guess in zip(RUNS, GUESSES, strict=True):
        rounds.dispatch.begin(run_id, NIGHT)
        rounds.dispatch.sent(run_id, SWEPT, guess, None)
        seed.dispatched(run_id, {tenant_id: seekers for tenant_id, seekers in TENANTS.items() if tenant_id != SWEPT})


def take(rounds: Rounds, step: Step) -> Settled | Released | Refused | None:
    if isinstance(step, Deletion):
        delete(rounds, step.tenant_id, step.seeker_id)
        return None
    return rounds.settle.release(step) if isinstance(step, ReleaseHold) else rounds.settle.settle(step)


class Truth:
    """Who was counted how in each run, by the rules and from the messages alone."""

    def __init__(self) -> None:
        self._counted: dict[tuple[int, int], str] = {}
        self._gone: set[int] = set()

    def take(self, step: Step) -> None:
        if isinstance(step, Deletion):
            self._gone.add(step.seeker_id)
        if not isinstance(step, CheckResults):
            return
        for outcome in OUTCOMES:
            for seeker_id in getattr(step, outcome):
                self._count(step.run_id, seeker_id, outcome)

    def counts(self, run_id: int, tenant_id: int) -> Counter[str]:
        """So many by outcome."""
        return Counter(self._counted[key] for key in self._counted if key[0] == run_id and key[1] // 1_000 == tenant_id)

    def _count(self, run_id: int, seeker_id: int, outcome: str) -> None:
        is_overtaken = run_id == RUN and self._counted.get((NEXT_RUN, seeker_id), "passed_over") != "passed_over"
        if seeker_id in self._gone or is_overtaken:
            self._counted.setdefault((run_id, seeker_id), "passed_over")
        elif self._counted.get((run_id, seeker_id), "failed") == "failed":
            self._counted[run_id, seeker_id] = outcome


def check_counters(rounds: Rounds, truth: Truth) -> None:
    """Answers and failures are exact at any time; passed over are as many as that leaves at most, or exact."""
    for run_id in RUNS:
        report = rounds.reports.report(run_id)
        assert report is not None
        for tenant in report.tenants:
            true = truth.counts(run_id, tenant.tenant_id)
            assert [getattr(tenant, name) for name in COUNTERS] == [true[name] for name in OUTCOMES]
            assert true["passed_over"] <= tenant.passed_over
            assert tenant.seekers is not None
            if tenant.tenant_id != SWEPT:
                assert tenant.settled + tenant.failed + tenant.passed_over <= tenant.seekers


def check_end(rounds: Rounds, truth: Truth) -> None:
    """Everybody's message has come: the run has ended, and everybody is counted once, and rightly."""
    check_counters(rounds, truth)
    for run_id in RUNS:
        assert rounds.end.end(run_id, at(100)) is not None
        report = rounds.reports.report(run_id)
        assert report is not None
        assert report.ended_at is not None
        for tenant in report.tenants:
            assert tenant.settled + tenant.failed + tenant.passed_over == tenant.seekers
            assert tenant.passed_over == truth.counts(run_id, tenant.tenant_id)["passed_over"]


def test_fake_and_mysql_agree_on_any_sequence(database: Database) -> None:
    real = MySqlRounds(database)

    @settings(deadline=None, max_examples=60, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(STEPS)
    def agree(sequence: list[Step]) -> None:
        real.clear()
        fake, truth = MemoryRounds(), Truth()
        seeded(real)
        seeded(fake)
        for step in [*sequence, *everybodys(RUN), *everybodys(NEXT_RUN)]:
            assert take(real, step) == take(fake, step)
            truth.take(step)
            for run_id in RUNS:
                assert real.end.end(run_id, at(100)) == fake.end.end(run_id, at(100))
        assert real.accounts() == fake.accounts()
        assert Counter(real.changes()) == Counter(fake.changes())
        for run_id in RUNS:
            assert real.reports.report(run_id) == fake.reports.report(run_id)
        check_end(real, truth)

    agree()
    real.close()


@settings(deadline=None, derandomize=True, max_examples=300)
@given(STEPS, st.randoms(use_true_random=False))
def test_a_second_delivery_of_everything_in_any_order_never_miscounts(sequence: list[Step], random: Random) -> None:
    rounds, truth = MemoryRounds(), Truth()
    seeded(rounds)
    again: list[Step] = [*sequence, *sequence, *everybodys(RUN), *everybodys(NEXT_RUN)]
    random.shuffle(again)
    for step in again:
        take(rounds, step)
        truth.take(step)
        check_counters(rounds, truth)
    check_end(rounds, truth)
    for step in reversed(again):
        take(rounds, step)
    check_end(rounds, truth)
