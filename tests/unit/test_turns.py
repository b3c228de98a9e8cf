import asyncio

from tests.support.virtual_time import VirtualTimeLoop, run
from yomawari.usecases.turns import Turns


def order_of(at_once: int, chunks: list[tuple[str, float]]) -> list[str]:
    """Start chunks of (channel, seconds) at once and note when each begins and ends."""
    loop, seen, turns = VirtualTimeLoop(), list[str](), Turns(at_once, 9)

    async def chunk(name: str, seconds: float) -> None:
        async with turns.turn(name[0]):
            seen.append(f"{name} begins")
            await asyncio.sleep(seconds)
            seen.append(f"{name} ends")

    async def main() -> None:
        await asyncio.gather(*(chunk(f"{channel}{k}", seconds) for k, (channel, seconds) in enumerate(chunks)))

    run(main(), loop)
    return seen


def test_chunks_of_a_channel_whose_turn_it_is_do_not_wait() -> None:
    seen = order_of(1, [("a", 1), ("a", 2), ("b", 1)])
    assert seen == ["a0 begins", "a1 begins", "a0 ends", "a1 ends", "b2 begins", "b2 ends"]


def test_no_more_channels_than_that_are_asked_at_once() -> None:
    seen = order_of(2, [("a", 3), ("b", 1), ("c", 1), ("d", 1)])
    assert seen == [
        *("a0 begins", "b1 begins", "b1 ends", "c2 begins", "c2 ends", "d3 begins"),
        *("a0 ends", "d3 ends"),
    ]


def test_a_turn_ends_with_an_error_too() -> None:
    loop, turns = VirtualTimeLoop(), Turns(1, 9)

    async def main() -> tuple[object, object]:
        async def fail() -> None:
            async with turns.turn("a"):
                raise RuntimeError("the chunk failed")

        async def go_on() -> str:
            async with turns.turn("b"):
                return "asked"

        return await asyncio.gather(fail(), go_on(), return_exceptions=True)

    failed, asked = run(main(), loop)
    assert isinstance(failed, RuntimeError)
    assert asked == "asked"


def test_a_worker_has_enough_of_a_channel_while_it_holds_so_many_chunks_of_it() -> None:
    loop, turns = VirtualTimeLoop(), Turns(1, 2)

    async def hold(channel: str) -> None:
        async with turns.turn(channel):
            await asyncio.sleep(1)

    async def main() -> None:
        held = [asyncio.create_task(hold(channel)) for channel in ("a", "b", "b")]
        await asyncio.sleep(0.5)
        assert [turns.has_enough(channel) for channel in ("a", "b", "c")] == [False, True, False]
        await asyncio.gather(*held)
        assert not turns.has_enough("b")

    run(main(), loop)
