"""Whoever knows whom and whatever is told: fake and MySQL agree on audience, record, summary and deliveries."""

from dataclasses import dataclass
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.motivations import DAY, KINDS, MemoryMotivations, Motivations, MySqlMotivations, hour
from yomawari.adapters.mysql.connection import Database
from yomawari.domain.motivations import ChangeKind, Motivation
from yomawari.usecases.motivation_ports import Targets

USERS = range(1, 6)
user_ids = st.sampled_from(USERS)
kinds: st.SearchStrategy[ChangeKind] = st.sampled_from(KINDS)
motivations: st.SearchStrategy[Motivation] = st.sampled_from(["none", "open", "active"])


@dataclass(frozen=True)
class World:
    """What the tables hold before anything is done."""

    users: list[tuple[bool, bool]]
    entries: list[tuple[int, int, bool]]
    connections: list[tuple[int, int]]
    conditions: set[tuple[ChangeKind, Motivation, int]]
    histories: list[tuple[ChangeKind, int, Motivation, int]]


worlds = st.builds(
    World,
    users=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=len(USERS), max_size=len(USERS)),
    entries=st.lists(st.tuples(st.integers(1, 2), user_ids, st.booleans()), max_size=8),
    connections=st.lists(st.tuples(user_ids, user_ids), max_size=8),
    conditions=st.sets(st.tuples(kinds, motivations, user_ids), max_size=5),
    histories=st.lists(st.tuples(kinds, user_ids, motivations, st.integers(0, 3)), max_size=6),
)
records = st.lists(
    st.tuples(kinds, st.integers(1, 7), st.lists(user_ids, min_size=1), st.integers(-30, 30)), max_size=6
)
claims = st.lists(st.tuples(st.integers(1, 2), st.lists(user_ids), st.booleans()), max_size=6)


def build(stores: Motivations, world: World) -> None:
    stores.add_tenant(1)
    stores.add_tenant(2, "en", 50)
    for user_id, (is_opted_out, is_deleted) in zip(USERS, world.users, strict=True):
        stores.add_user(user_id, f"person {user_id}", is_opted_out=is_opted_out, is_deleted=is_deleted)
    for number, (tenant_id, user_id, is_friend) in enumerate(world.entries, start=1):
        stores.add_entry(number, tenant_id, user_id, is_friend=is_friend)
    for one, other in world.connections:
        stores.connect(one, other)
    for condition in world.conditions:
        stores.add_condition(*condition)
    for number, (kind, user_id, motivation, hours) in enumerate(world.histories, start=1):
        stores.add_history(kind, number, user_id, motivation, hour(hours))


def test_fake_and_mysql_agree_on_any_world(database: Database) -> None:
    real = MySqlMotivations(database)

    @settings(deadline=None, max_examples=60, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(worlds, records, claims)
    def agree(
        world: World, recorded: list[tuple[ChangeKind, int, list[int], int]], claimed: list[tuple[int, list[int], bool]]
    ) -> None:
        real.clear()
        fake = MemoryMotivations()
        build(real, world)
        build(fake, world)
        for number in range(1, len(world.histories) + 2):
            for kind in KINDS:
                for user_id in USERS:
                    asked = (kind, number, user_id)
                    assert real.audience.audience(*asked) == fake.audience.audience(*asked)
                    taken_up = real.notifications.take_up(*asked, hour(user_id))
                    assert taken_up == fake.notifications.take_up(*asked, hour(user_id))
                real.notifications.told(kind, number, 1, hour(9))
                fake.notifications.told(kind, number, 1, hour(9))
        targets = [Targets(kind, history_id, told, hour(hours)) for kind, history_id, told, hours in recorded]
        for batch in (targets[:1], targets[1:]):
            assert real.targets.record(batch) == fake.targets.record(batch)
        assert real.recorded() == fake.recorded()
        for days in (-1, 0, 1):
            day = DAY + timedelta(days=days)
            assert list(real.summaries.summaries(day)) == list(fake.summaries.summaries(day))
        for hours, (tenant_id, people, is_sent) in enumerate(claimed):
            if is_sent:
                marked = {one.deliveries.mark(DAY, tenant_id, people, "sent", hour(hours)) for one in (real, fake)}
                assert len(marked) == 1
            else:
                mine = (DAY, tenant_id, people, hour(hours))
                assert real.deliveries.claim(*mine) == fake.deliveries.claim(*mine)
        assert real.claims() == fake.claims()
        assert real.days.report(DAY) == fake.days.report(DAY)

    agree()
    real.close()
