"""An event loop whose time jumps to the next timer, so that a minute of waiting is tested in a millisecond."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
START_S = 1_763_744_400.0


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._now_s = START_S
        super().__init__(_JumpingSelector(self))
        # A timer that is due just now is to be found due: the usual nanosecond is lost in a float of this size.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._now_s

    def now_us(self) -> int:
        return round(self._now_s * 1_000_000)

    def jump(self, seconds: float) -> None:
        self._now_s += seconds


class _JumpingSelector(selectors.SelectSelector):
    """Instead of sleeping until the next timer, it moves the loop's clock there."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise RuntimeError("every task waits for something that no timer brings")
        # The loop sleeps until the timer by a float's rounding error too little, and would ask again for ever.
        self._loop.jump(max(timeout, 0) + (1e-6 if timeout > 0 else 0))
        return super().select(0)


def run(main: Coroutine[Any, Any, T], loop: VirtualTimeLoop) -> T:
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()
