"""The gate on DynamoDB (moto's server) and its fake: one contract."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError

from tests.support.faulty_dynamo import FaultyDynamo, Mood
from tests.support.template import resources
from yomawari.adapters.gate import PENALTY_BASE_US, PENALTY_CAP_US, RATE_LIMITED, DynamoGate
from yomawari.adapters.gate_fake import GateFake
from yomawari.domain.gate import SECOND_US, Ahead, Closed, Leased, Slots
from yomawari.usecases.ports import GateUnavailable, RateGate

CHANNEL = "7#profile"
NOW_US = 1_795_280_400_000_000
INTERVAL_US = 532
HORIZON_US = 3_000_000
Check = Callable[[RateGate], Awaitable[None]]


@asynccontextmanager
async def dynamo(options: dict[str, str]) -> AsyncIterator[Any]:
    config = AioConfig(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1})
    async with get_session().create_client("dynamodb", config=config, **options) as client:
        yield client


@pytest.fixture
def table(aws: Callable[[str], Any]) -> None:
    properties = resources("AWS::DynamoDB::Table")["GateTable"]
    wanted = {name: properties[name] for name in ("BillingMode", "AttributeDefinitions", "KeySchema")}
    aws("dynamodb").create_table(TableName="gate", **wanted)


@pytest.fixture(params=["fake", "dynamo"])
def hold(request: pytest.FixtureRequest) -> Callable[[Check], None]:
    """Holds a gate, of either kind, to a part of the contract."""
    if request.param == "fake":
        return lambda check: asyncio.run(to_end(check(GateFake())))
    request.getfixturevalue("table")
    options = request.getfixturevalue("moto_options")

    async def on_dynamo(check: Check) -> None:
        async with dynamo(options) as client:
            await check(DynamoGate(client, "gate"))

    return lambda check: asyncio.run(on_dynamo(check))


async def to_end(awaitable: Awaitable[None]) -> None:
    await awaitable


async def lease(gate: RateGate, permits: int = 100, now_us: int = NOW_US) -> Leased | Ahead | Closed:
    return await gate.lease(CHANNEL, permits, INTERVAL_US, now_us, HORIZON_US)


def test_an_idle_channels_slots_begin_now(hold: Callable[[Check], None]) -> None:
    async def check(gate: RateGate) -> None:
        assert await lease(gate) == Leased(Slots(NOW_US, 100, INTERVAL_US))
        later_us = NOW_US + 10 * SECOND_US
        assert await lease(gate, 5, later_us) == Leased(Slots(later_us, 5, INTERVAL_US))

    hold(check)


def test_a_busy_channels_slots_begin_where_the_last_ones_end(hold: Callable[[Check], None]) -> None:
    async def check(gate: RateGate) -> None:
        await lease(gate, 100)
        assert await lease(gate, 50) == Leased(Slots(NOW_US + 100 * INTERVAL_US, 50, INTERVAL_US))
        assert await lease(gate, 1, NOW_US + 7) == Leased(Slots(NOW_US + 150 * INTERVAL_US, 1, INTERVAL_US))

    hold(check)


def test_channels_do_not_disturb_each_other(hold: Callable[[Check], None]) -> None:
    async def check(gate: RateGate) -> None:
        await lease(gate, 1_000)
        await gate.close(CHANNEL, Closed(NOW_US + SECOND_US, "forbidden"))
        other = await gate.lease("8#profile", 1, INTERVAL_US, NOW_US, HORIZON_US)
        assert other == Leased(Slots(NOW_US, 1, INTERVAL_US))

    hold(check)


def test_a_channel_booked_beyond_the_horizon_grants_nothing_until_then(hold: Callable[[Check], None]) -> None:
    async def check(gate: RateGate) -> None:
        await lease(gate, 10_000)
        end_us = NOW_US + 10_000 * INTERVAL_US
        assert await lease(gate) == Ahead(end_us - HORIZON_US)
        assert await lease(gate) == Ahead(end_us - HORIZON_US)
        assert await lease(gate, 1, end_us - HORIZON_US) == Leased(Slots(end_us, 1, INTERVAL_US))

    hold(check)


def test_a_closed_channel_says_until_when_and_why(hold: Callable[[Check], None]) -> None:
    async def check(gate: RateGate) -> None:
        closed = Closed(NOW_US + SECOND_US, "unauthorized")
        assert await gate.closed(CHANNEL, NOW_US) is None
        await lease(gate)
        await gate.close(CHANNEL, closed)
        assert await lease(gate) == closed
        assert await gate.closed(CHANNEL, NOW_US) == closed
        assert await gate.closed(CHANNEL, closed.until_us) is None
        assert isinstance(await lease(gate, now_us=closed.until_us), Leased)

    hold(check)


def test_a_channel_closed_before_its_first_lease_grants_none(hold: Callable[[Check], None]) -> None:
    async def check(gate: RateGate) -> None:
        closed = Closed(NOW_US + SECOND_US, "forbidden")
        await gate.close(CHANNEL, closed)
        assert await lease(gate) == closed

    hold(check)


def test_the_penalty_doubles_with_each_429_up_to_its_cap_and_is_forgotten(hold: Callable[[Check], None]) -> None:
    async def check(gate: RateGate) -> None:
        now_us, penalties_us = NOW_US, []
        for _ in range(8):
            closed = await gate.penalize(CHANNEL, now_us)
            assert closed.reason == RATE_LIMITED
            assert await gate.closed(CHANNEL, now_us) == closed
            penalties_us.append(closed.until_us - now_us)
            now_us = closed.until_us + 1
        assert penalties_us == [min(PENALTY_CAP_US, PENALTY_BASE_US << times) for times in range(8)]
        much_later_us = now_us + PENALTY_CAP_US
        assert await gate.penalize(CHANNEL, much_later_us) == Closed(much_later_us + PENALTY_BASE_US, RATE_LIMITED)

    hold(check)


def test_only_the_first_of_many_429s_closes_the_channel(hold: Callable[[Check], None]) -> None:
    async def check(gate: RateGate) -> None:
        told = await asyncio.gather(*(gate.penalize(CHANNEL, NOW_US + number) for number in range(8)))
        assert len(set(told)) == 1
        assert NOW_US <= told[0].until_us - PENALTY_BASE_US < NOW_US + 8
        assert await gate.penalize(CHANNEL, NOW_US + 500_000) == told[0]

    hold(check)


def test_a_429_does_not_shorten_a_refusal(hold: Callable[[Check], None]) -> None:
    async def check(gate: RateGate) -> None:
        refused = Closed(NOW_US + 3_600 * SECOND_US, "unauthorized")
        await gate.close(CHANNEL, refused)
        assert await gate.penalize(CHANNEL, NOW_US) == refused
        assert await lease(gate) == refused

    hold(check)


def test_workers_that_race_for_an_idle_channel_get_slots_that_do_not_overlap(hold: Callable[[Check], None]) -> None:
    async def check(gate: RateGate) -> None:
        await lease(gate, 10, NOW_US - 60 * SECOND_US)
        granted: list[Slots] = []

        async def worker(number: int) -> None:
            while not isinstance(leased := await lease(gate, 100, NOW_US + number), Leased):
                assert isinstance(leased, Ahead)
            granted.append(leased.slots)

        await asyncio.gather(*(worker(number) for number in range(6)))
        granted.sort(key=lambda slots: slots.start_us)
        for before, after in pairwise(granted):
            assert after.start_us >= before.end_us

    hold(check)


@pytest.mark.usefixtures("table")
def test_a_lease_of_a_busy_channel_is_one_write_and_of_an_idle_one_two(moto_options: dict[str, str]) -> None:
    writes: list[str] = []

    async def check() -> None:
        async with dynamo(moto_options) as client:
            client.meta.events.register("before-call.dynamodb.UpdateItem", lambda **_: writes.append("write"))
            gate = DynamoGate(client, "gate")
            await lease(gate)
            assert len(writes) == 2
            await lease(gate)
            assert len(writes) == 3

    asyncio.run(check())


def every_question(gate: RateGate) -> list[Awaitable[object]]:
    closing = gate.close(CHANNEL, Closed(NOW_US, "forbidden"))
    return [lease(gate), gate.closed(CHANNEL, NOW_US), closing, gate.penalize(CHANNEL, NOW_US)]


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("mood", ["throttled", "away"])
def test_a_gate_that_cannot_be_asked_is_unavailable(moto_options: dict[str, str], mood: Mood) -> None:
    async def check(url: str) -> None:
        async with dynamo({**moto_options, "endpoint_url": url}) as client:
            for question in every_question(DynamoGate(client, "gate")):
                with pytest.raises(GateUnavailable):
                    await question

    with FaultyDynamo(moto_options["endpoint_url"]).serving() as faulty:
        faulty.mood = mood
        asyncio.run(check(faulty.url))
        assert faulty.refused >= 4


def test_a_fake_that_is_down_is_unavailable() -> None:
    async def check() -> None:
        gate = GateFake()
        gate.is_down = True
        for question in every_question(gate):
            with pytest.raises(GateUnavailable):
                await question

    asyncio.run(check())


def test_a_channel_that_others_keep_restarting_makes_the_caller_wait() -> None:
    """Every condition is lost to another worker, as a channel that is idle for everybody at once may do."""
    refusal = {"Error": {"Code": "ConditionalCheckFailedException", "Message": ""}, "Item": {"tat_us": {"N": "1"}}}

    class Contended:
        async def update_item(self, **_: object) -> dict[str, Any]:
            raise ClientError(refusal, "UpdateItem")  # type: ignore[arg-type] # the stubs know no Item

        async def get_item(self, **_: object) -> dict[str, Any]:
            raise AssertionError("a lease reads nothing")

    outcome = asyncio.run(_lease_once(DynamoGate(Contended(), "gate")))
    assert isinstance(outcome, Ahead)
    assert NOW_US < outcome.until_us < NOW_US + SECOND_US


async def _lease_once(gate: RateGate) -> Leased | Ahead | Closed:
    return await lease(gate)
