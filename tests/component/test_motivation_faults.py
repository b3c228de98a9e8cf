"""Two workers at once, and a server that goes away, for the record and the deliveries."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.support.motivations import DAY, MIDNIGHT, MySqlMotivations, People, hour
from yomawari.adapters.mysql.connection import Database, Session
from yomawari.adapters.mysql.deliveries import MySqlDeliveryStore
from yomawari.adapters.mysql.summaries import MySqlSummaryStore
from yomawari.adapters.mysql.targets import MySqlTargetStore
from yomawari.usecases.motivation_ports import Recorded, Targets
from yomawari.usecases.ports import Unavailable

EVERYONE = list(range(1, 401))


@pytest.fixture
def stores(database: Database) -> Iterator[MySqlMotivations]:
    real = MySqlMotivations(database)
    People(real).person(9)
    for history_id in range(1, 11):
        real.add_history("job_change", history_id, 9, "open", MIDNIGHT)
    yield real
    real.close()


def test_two_writers_with_the_same_messages_record_everybody_once(stores: MySqlMotivations, database: Database) -> None:
    def write(history_ids: list[int]) -> int:
        session = Session(database)
        store = MySqlTargetStore(session)
        for history_id in history_ids:
            everyone = EVERYONE[:: 1 if history_id % 2 else -1]
            assert store.record([Targets("job_change", history_id, everyone, hour(1))]) == [Recorded(400)]
        session.close()
        return len(history_ids)

    order = list(range(1, 11))
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(write, [order, order[::-1], order])) == [10, 10, 10]
    assert len(stores.recorded()) == 10 * 400


def test_two_channels_claiming_at_once_share_nobody(stores: MySqlMotivations, database: Database) -> None:
    def claim(tenant_id: int) -> dict[int, int]:
        session = Session(database)
        people = EVERYONE if tenant_id % 2 else EVERYONE[::-1]
        claims = MySqlDeliveryStore(session).claim(DAY, tenant_id, people, hour(tenant_id))
        session.close()
        return {user_id: found.tenant_id for user_id, found in claims.items()}

    with ThreadPoolExecutor(4) as threads:
        owners = list(threads.map(claim, range(1, 5)))
    assert all(found == owners[0] for found in owners)
    assert set(owners[0]) == set(EVERYONE)
    assert {claim.tenant_id for claim in stores.claims().values()} == set(owners[0].values())


def test_a_claim_that_dies_before_its_commit_leaves_nothing(stores: MySqlMotivations, database: Database) -> None:
    """Nothing was sent then: the next one claims anew, with a time of its own."""
    session = Session(database)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    store = MySqlDeliveryStore(session)
    store.claim(DAY, 1, [1], hour(32))
    assert session._connection is not None
    session._connection.commit = die  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        store.claim(DAY, 1, [1, 2], hour(33))
    assert {user_id for _, user_id in stores.claims()} == {1}
    assert store.claim(DAY, 1, [1, 2], hour(34))[2].first_attempt_at == hour(34)
    session.close()


def test_a_record_without_a_server_is_unavailable(stores: MySqlMotivations, database: Database) -> None:
    nowhere = replace(database, port=1)
    session = Session(nowhere, lambda _: None, lambda: 0.0)
    with pytest.raises(Unavailable, match="MySQL"):
        MySqlTargetStore(session).record([Targets("job_change", 1, [1], hour(1))])
    with pytest.raises(Unavailable, match="MySQL"):
        next(MySqlSummaryStore(stores.session, nowhere).summaries(DAY))
