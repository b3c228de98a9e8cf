"""Which chunks a worker asks about now: of a few channels at once, and a few of each."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Lets the chunks of a few channels through at a time; chunks of a channel whose turn it is never wait.

    A worker that asks more channels than its processor can serve uses every channel's permits late and throws them
    away, while each channel waits for calls: one channel at its full rate is worth more than two at half of it.
    And a worker that holds many chunks of one channel does no more than one that holds a few, but keeps its place
    from other channels' chunks.

    Args:
        channels: asked at once.
        chunks: of one channel held at once.
    """

    def __init__(self, channels: int, chunks: int) -> None:
        self._channels = channels
        self._chunks = chunks
        self._held: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()
        self._done = asyncio.Condition()

    def has_enough(self, channel: str) -> bool:
        """Whether another chunk of this channel would only wait for those that are here."""
        return self._held[channel] >= self._chunks

    @asynccontextmanager
    async def turn(self, channel: str) -> AsyncIterator[None]:
        """Wait until it is this channel's turn; the turn ends with the last of its chunks."""
        self._held[channel] += 1
        try:
            async with self._done:
                await self._done.wait_for(lambda: channel in self._asked or len(self._asked) < self._channels)
                self._asked[channel] += 1
            try:
                yield
            finally:
                self._asked -= Counter([channel])
                async with self._done:
                    self._done.notify_all()
        finally:
            self._held -= Counter([channel])
