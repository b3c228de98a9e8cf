"""Whatever messages come, how often and in whichever order: fake and MySQL agree, and the counters add up."""

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.rounds import NEXT_RUN, RUN, MemoryRounds, MySqlRounds, Rounds, Seeding, at
from yomawari.adapters.mysql.connection import Database
from yomawari.messages import CheckResults

TENANTS = {1: 4, 2: 3}


@st.composite
def messages(draw: st.DrawFn) -> CheckResults:
    """A result of either run with any outcomes; ids may stand twice, and may be nobody's."""
    tenant_id = draw(st.sampled_from(sorted(TENANTS)))
    ids = st.lists(st.integers(tenant_id * 1_000 + 1, tenant_id * 1_000 + 5), max_size=4)
    return CheckResults(
        run_id=draw(st.sampled_from([RUN, NEXT_RUN])),
        tenant_id=tenant_id,
        observed_at=at(draw(st.integers(0, 5))),
        friend=draw(ids),
        not_friend=draw(ids),
        invalid=draw(ids),
        failed=draw(ids),
        closed=draw(st.sampled_from([None, None, None, "unauthorized"])),
    )


def seeded(rounds: Rounds) -> None:
    seed = Seeding(rounds)
    for tenant_id, seekers in TENANTS.items():
        seed.tenant(tenant_id, seekers)
    for run_id in (RUN, NEXT_RUN):
        seed.dispatched(run_id, TENANTS)


def check_counters(rounds: Rounds, run_id: int) -> None:
    """No one is counted twice, and for the newest run the counters are the rows' own."""
    report = rounds.reports.report(run_id)
    assert report is not None
    for tenant in report.tenants:
        assert min(tenant.friends, tenant.not_friends, tenant.invalid, tenant.failed) >= 0
        assert tenant.seekers is not None
        assert tenant.settled + tenant.failed <= tenant.seekers
        if run_id == NEXT_RUN:
            outcomes = Counter(
                row.last_outcome
                for (owner, _), row in rounds.accounts().items()
                if owner == tenant.tenant_id and row.settled_run_id == run_id
            )
            counted = (tenant.friends, tenant.not_friends, tenant.invalid, tenant.failed)
            assert counted == tuple(outcomes[name] for name in ("friend", "not_friend", "invalid", "failed"))


def test_fake_and_mysql_agree_on_any_sequence(database: Database) -> None:
    real = MySqlRounds(database)

    @settings(deadline=None, max_examples=60, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.lists(messages(), max_size=12))
    def agree(sequence: list[CheckResults]) -> None:
        real.clear()
        fake = MemoryRounds()
        seeded(real)
        seeded(fake)
        for message in sequence:
            assert real.settle.settle(message) == fake.settle.settle(message)
            for run_id in (RUN, NEXT_RUN):
                assert real.end.end(run_id, at(100)) == fake.end.end(run_id, at(100))
        assert real.accounts() == fake.accounts()
        assert Counter(real.changes()) == Counter(fake.changes())
        for run_id in (RUN, NEXT_RUN):
            assert real.reports.report(run_id) == fake.reports.report(run_id)
            check_counters(real, run_id)

    agree()
    real.close()


@settings(deadline=None, derandomize=True)
@given(st.lists(messages(), max_size=10), st.randoms(use_true_random=False))
def test_a_second_delivery_of_everything_in_any_order_never_miscounts(
    sequence: list[CheckResults], random: object
) -> None:
    rounds = MemoryRounds()
    seeded(rounds)
    again = [*sequence, *sequence]
    random.shuffle(again)  # type: ignore[attr-defined]
    for message in again:
        rounds.settle.settle(message)
        check_counters(rounds, message.run_id)
    before = rounds.reports.report(NEXT_RUN)
    for message in reversed(sequence):
        rounds.settle.settle(message)
    after = rounds.reports.report(NEXT_RUN)
    assert before is not None
    assert after is not None
    assert after.totals == before.totals
