"""A bus in memory."""

from yomawari.messages import RunCompleted
from yomawari.usecases.ports import Unavailable


class EventBusFake:
    """Keeps what was announced, in order; `is_away` makes every announcement fail."""

    def __init__(self) -> None:
        self.announced: list[RunCompleted] = []
        self.is_away = False

    def announce(self, event: RunCompleted) -> None:
        """Keep it."""
        if self.is_away:
            raise Unavailable("EventBridge: the fake is away")
        self.announced.append(event)
