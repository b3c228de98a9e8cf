"""How many channels a worker asks at once: as many as it can keep up with."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Lets the chunks of a few channels through at a time; chunks of a channel whose turn it is never wait.

    A worker that asks more channels than its processor can serve uses every channel's permits late and throws them
    away, while each channel waits for calls: one channel at its full rate is worth more than two at half of it.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._asked: Counter[str] = Counter()
        self._done = asyncio.Condition()

    @asynccontextmanager
    async def turn(self, channel: str) -> AsyncIterator[None]:
        """Wait until it is this channel's turn; the turn ends with the last of its chunks."""
        async with self._done:
            await self._done.wait_for(lambda: channel in self._asked or len(self._asked) < self._at_once)
            self._asked[channel] += 1
        try:
            yield
        finally:
            async with self._done:
                self._asked[channel] -= 1
                if not self._asked[channel]:
                    del self._asked[channel]
                    self._done.notify_all()
