"""A bus in memory."""

from yomawari.messages import Announcement, ImportCompleted, RunCompleted, TenantHeld
from yomawari.usecases.ports import Unavailable


class EventBusFake:
    """Keeps what was announced, in order; `is_away` makes every announcement fail."""

    def __init__(self) -> None:
        self.announced: list[Announcement] = []
        self.is_away = False

    def announce(self, event: Announcement) -> None:
        """Keep it."""
        if self.is_away:
            raise Unavailable("EventBridge: the fake is away")
        self.announced.append(event)

    def runs(self) -> list[RunCompleted]:
        """The ends of runs among them."""
        return [event for event in self.announced if isinstance(event, RunCompleted)]

    def held(self) -> list[TenantHeld]:
        """The held tenants among them."""
        return [event for event in self.announced if isinstance(event, TenantHeld)]

    def imports(self) -> list[ImportCompleted]:
        """The ends of imports among them."""
        return [event for event in self.announced if isinstance(event, ImportCompleted)]
