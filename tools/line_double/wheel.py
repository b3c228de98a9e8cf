"""Answers that wait for their time: a coarse timer wheel instead of a timer per request."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from tools.line_double.answers import Answer

_TICK_US = 1_000
_TICK_S = _TICK_US / 1_000_000


def now_us() -> int:
    """The double's clock: monotonic, in µs."""
    return time.monotonic_ns() // 1_000


class Connection(Protocol):
    """Where answers go: a connection that takes all that fell due on it in one tick at once."""

    def flush(self, due: list[tuple[int, Answer]]) -> None:
        """Write these answers, each with the number of its stream, as one write."""


class TimerWheel:
    """Keeps answers by the tick (1 ms) they fall due in, and flushes each connection once per tick.

    An answer is never early and at most about 2 ms late on an idle core. With nothing waiting, no timer runs.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], int] = now_us) -> None:
        self._loop = loop
        self._clock = clock
        self._slots: dict[int, dict[Connection, list[tuple[int, Answer]]]] = {}
        self._flushed_tick = 0
        self._ticking = False

    def add(self, connection: Connection, stream_id: int, answer: Answer, due_us: int) -> None:
        """Have the answer written when its time has come; a time in the past means the next tick."""
        tick = max(-(-due_us // _TICK_US), self._flushed_tick + 1)
        slot = self._slots.get(tick)
        if slot is None:
            slot = self._slots[tick] = {}
        waiting = slot.get(connection)
        if waiting is None:
            slot[connection] = [(stream_id, answer)]
        else:
            waiting.append((stream_id, answer))
        if not self._ticking:
            self._ticking = True
            self._flushed_tick = min(tick - 1, self._clock() // _TICK_US)
            self._loop.call_later(_TICK_S, self._turn)

    def _turn(self) -> None:
        current_tick = self._clock() // _TICK_US
        ticks = range(self._flushed_tick + 1, current_tick + 1)
        slots = [self._slots.pop(tick) for tick in ticks if tick in self._slots]
        self._flushed_tick = max(self._flushed_tick, current_tick)
        self._ticking = bool(self._slots)
        if self._ticking:  # before the flushes, so that one connection's error cannot stop everyone's clock
            self._loop.call_later(_TICK_S, self._turn)
        for slot in slots:
            for connection, due in slot.items():
                connection.flush(due)
