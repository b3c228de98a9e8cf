"""What a worker knows of a closed channel, and for how long."""

import asyncio
from collections import deque

from tests.support.virtual_time import VirtualTimeLoop, run
from yomawari.adapters.gate_fake import GateFake
from yomawari.domain.gate import Ahead, Closed, Leased
from yomawari.usecases.pacing import Pacer, Pacing

CHANNEL = "7#profile"
RATE_PER_S = 1_000
HOURS_US = 12 * 3_600 * 1_000_000


class SlowGate(GateFake):
    """Decides at once, and answers 50 ms later."""

    async def lease(
        self, channel: str, permits: int, interval_us: int, now_us: int, horizon_us: int
    ) -> Leased | Ahead | Closed:
        decided = await super().lease(channel, permits, interval_us, now_us, horizon_us)
        await asyncio.sleep(0.05)
        return decided


def test_a_channel_that_a_redrive_has_opened_is_asked_again_by_a_warm_worker() -> None:
    loop, gate = VirtualTimeLoop(), GateFake()
    closed = Closed(loop.now_us() + HOURS_US, "unauthorized")

    async def main() -> None:
        pacer = Pacer(gate, CHANNEL, RATE_PER_S, Pacing(), loop.now_us)
        await gate.close(CHANNEL, closed)
        with pacer.serving(deque([1])):
            assert await pacer.take(1) == closed
        await gate.close(CHANNEL, Closed(0, ""))
        with pacer.serving(deque([1])):
            assert await pacer.take(1) == 1
        await pacer.rest()

    run(main(), loop)


def test_chunks_that_come_together_ask_a_closed_channel_once() -> None:
    loop, gate = VirtualTimeLoop(), GateFake()
    closed = Closed(loop.now_us() + HOURS_US, "unauthorized")

    async def main() -> None:
        pacer = Pacer(gate, CHANNEL, RATE_PER_S, Pacing(), loop.now_us)
        await gate.close(CHANNEL, closed)
        with pacer.serving(deque([1])):
            for _ in range(3):
                with pacer.serving(deque([1])):
                    assert await pacer.take(1) == closed
        assert gate.leases == 1
        await pacer.rest()

    run(main(), loop)


def test_a_lease_under_way_while_the_channel_closes_is_given_up() -> None:
    loop, gate = VirtualTimeLoop(), SlowGate()
    closed = Closed(loop.now_us() + 1_000_000, "rate_limited")

    async def main() -> None:
        pacer = Pacer(gate, CHANNEL, RATE_PER_S, Pacing(), loop.now_us)
        with pacer.serving(deque(range(10))):
            taking = asyncio.create_task(pacer.take(10))
            await asyncio.sleep(0.01)
            pacer.refuse(closed)
            assert await taking == closed
            assert await pacer.take(10) == closed
        await pacer.rest()

    run(main(), loop)
