"""The pacer against the gate in virtual time, with workers that stall and a gate that takes its time."""

import asyncio
import random
from collections import deque
from collections.abc import Iterable

import pytest

from tests.support.virtual_time import VirtualTimeLoop, run
from yomawari.adapters.gate_fake import GateFake
from yomawari.domain.gate import Ahead, Closed, Leased
from yomawari.usecases.checking import CheckSettings
from yomawari.usecases.pacing import Pacer, Pacing
from yomawari.usecases.ports import GateUnavailable

RATE_PER_S = CheckSettings().rate_per_s
CHANNEL = "7#profile"


class SlowGate(GateFake):
    """Takes up to 20 ms to answer, as a table across the network may."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)

    async def lease(
        self, channel: str, permits: int, interval_us: int, now_us: int, horizon_us: int
    ) -> Leased | Ahead | Closed:
        decided = await super().lease(channel, permits, interval_us, now_us, horizon_us)
        await asyncio.sleep(self._random.uniform(0.002, 0.02))
        return decided


async def call_all(pacer: Pacer, calls: int, loop: VirtualTimeLoop, arrivals: list[int]) -> None:
    line = deque(range(calls))
    with pacer.serving(line):
        while line:
            granted = await pacer.take(len(line))
            if isinstance(granted, Ahead):
                await asyncio.sleep((granted.until_us - loop.now_us()) / 1e6)
                continue
            assert isinstance(granted, int)
            for _ in range(granted):
                line.popleft()
                arrivals.append(loop.now_us())
    await pacer.rest()


def simulate(workers: int, calls: int, pacing: Pacing | None = None, seed: int = 1) -> tuple[list[int], GateFake]:
    loop, arrivals, gate = VirtualTimeLoop(), list[int](), SlowGate(seed)

    async def main() -> None:
        pacers = [Pacer(gate, CHANNEL, RATE_PER_S, pacing or Pacing(), loop.now_us) for _ in range(workers)]
        await asyncio.gather(*(call_all(pacer, calls // workers, loop, arrivals) for pacer in pacers))

    run(main(), loop)
    return sorted(arrivals), gate


def peak_per_s(arrivals: Iterable[int]) -> int:
    window, peak = deque[int](), 0
    for arrival in arrivals:
        window.append(arrival)
        while window[0] <= arrival - 1_000_000:
            window.popleft()
        peak = max(peak, len(window))
    return peak


@pytest.mark.parametrize("workers", [1, 4, 16])
def test_any_number_of_workers_keep_the_limit_and_use_the_rate(workers: int) -> None:
    arrivals, gate = simulate(workers, calls=16_000)
    took_s = (arrivals[-1] - arrivals[0]) / 1e6
    assert len(arrivals) == 16_000
    assert peak_per_s(arrivals) <= 2_000
    assert len(arrivals) / took_s >= 1_800
    assert gate.leases <= len(arrivals) * 2 / 100


def test_a_small_line_leases_no_more_than_it_needs() -> None:
    _arrivals, gate = simulate(workers=1, calls=7)
    assert gate.leases == 1
    assert gate.permits == 7


def test_a_refusal_is_kept_while_it_lasts_and_asked_again_after() -> None:
    loop, gate = VirtualTimeLoop(), GateFake()
    closed = Closed(loop.now_us() + 1_000_000, "rate_limited")

    async def main() -> None:
        await gate.close(CHANNEL, closed)
        pacer = Pacer(gate, CHANNEL, RATE_PER_S, Pacing(), loop.now_us)
        line = deque([1, 2, 3])
        with pacer.serving(line):
            assert await pacer.take(3) == closed
            assert await pacer.take(3) == closed
            assert gate.leases == 1
            await asyncio.sleep(1.001)
            assert isinstance(await pacer.take(3), int)
        await pacer.rest()

    run(main(), loop)


def test_permits_leased_long_before_their_slot_are_given_up_when_the_channel_closes_meanwhile() -> None:
    loop, gate = VirtualTimeLoop(), GateFake()

    async def main() -> None:
        await gate.lease(CHANNEL, 1_000, 1_000, loop.now_us(), 0)  # another worker has booked a whole second
        pacer = Pacer(gate, CHANNEL, RATE_PER_S, Pacing(), loop.now_us)
        with pacer.serving(deque(range(10))):
            taking = asyncio.create_task(pacer.take(10))
            await asyncio.sleep(0.3)
            closed = await gate.penalize(CHANNEL, loop.now_us())
            assert await taking == closed
        await pacer.rest()

    run(main(), loop)


def test_a_gate_that_cannot_be_asked_lets_nobody_call() -> None:
    loop, gate = VirtualTimeLoop(), GateFake()
    gate.is_down = True

    async def main() -> None:
        pacer = Pacer(gate, CHANNEL, RATE_PER_S, Pacing(), loop.now_us)
        with pacer.serving(deque([1])), pytest.raises(GateUnavailable):
            await pacer.take(1)

    run(main(), loop)


def test_two_lines_share_the_permits_of_their_channel() -> None:
    loop, arrivals, gate = VirtualTimeLoop(), list[int](), GateFake()

    async def main() -> None:
        pacer = Pacer(gate, CHANNEL, RATE_PER_S, Pacing(), loop.now_us)
        await asyncio.gather(*(call_all(pacer, 1_000, loop, arrivals) for _ in range(2)))

    run(main(), loop)
    assert len(arrivals) == 2_000
    assert peak_per_s(sorted(arrivals)) <= 1_940
