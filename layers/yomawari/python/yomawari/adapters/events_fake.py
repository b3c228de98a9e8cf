"""A bus in memory."""

from yomawari.messages import Event, RunCompleted, TenantHeld
from yomawari.usecases.ports import Unavailable


class EventBusFake:
    """Keeps what was announced, in order, ends and holds apart; `is_away` makes every announcement fail."""

    def __init__(self) -> None:
        self.announced: list[RunCompleted] = []
        self.held: list[TenantHeld] = []
        self.is_away = False

    def announce(self, event: Event) -> None:
        """Keep it."""
        if self.is_away:
            raise Unavailable("EventBridge: the fake is away")
        if isinstance(event, TenantHeld):
            self.held.append(event)
        else:
            self.announced.append(event)
