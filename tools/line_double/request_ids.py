"""The numbering of requests, as ``x-line-request-id`` shows it."""

from itertools import count


class RequestIds:
    """Request ids in the form of a UUID, each unlike any other of this process; counting is cheaper than drawing."""

    def __init__(self, seed: int) -> None:
        self._numbers = count(1)
        self._prefix = f"{seed & 0xFFFFFFFF:08x}-0000-4000-8000-".encode()

    def draw(self) -> bytes:
        """The next one."""
        return b"%b%012x" % (self._prefix, next(self._numbers))
