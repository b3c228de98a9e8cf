"""A queue in memory, in its sync and its async form."""

from collections.abc import Sequence

from yomawari.usecases.ports import Outgoing


class QueueFake:
    """Keeps what was sent, in order; `failures` are raised one by one before anything more is sent."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.failures: list[Exception] = []

    def send(self, messages: Sequence[Outgoing]) -> None:
        """Keep them, or raise the next failure."""
        if self.failures:
            raise self.failures.pop(0)
        self.sent.extend(messages)


class AsyncQueueFake(QueueFake):
    """The same for a use case that awaits its queue."""

    async def send(self, messages: Sequence[Outgoing]) -> None:  # type: ignore[override]
        """Keep them, or raise the next failure."""
        super().send(messages)
