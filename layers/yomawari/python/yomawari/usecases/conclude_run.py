"""End a run when its last answer is in, and tell the bus; and tell it of a tenant that is held."""

import logging
from collections.abc import Callable
from datetime import datetime

from yomawari.messages import TenantHeld
from yomawari.usecases.ports import Bus, EndStore

log = logging.getLogger(__name__)


class ConcludeRun:
    """Called after everything that may have been a run's last step; `clock` gives the time with its offset."""

    def __init__(self, store: EndStore, bus: Bus, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock

    def __call__(self, run_id: int, hold: TenantHeld | None = None) -> None:
        """End the run if nothing is missing, and announce an end the bus does not know of: at least once.

        So is `hold`, and before the end, which names it.

        Raises:
            Unavailable: the database or the bus is away; the next call makes up for it.
        """
        if hold is not None:
            self._bus.announce(hold)
            self._store.hold_announced(hold)
            log.error("tenant held", extra=hold.model_dump(exclude={"version", "kind"}))
        event = self._store.end(run_id, self._clock())
        if event is not None:
            self._bus.announce(event)
            self._store.announced(run_id, event.state)
            log.info("run ended", extra={"run_id": run_id, "state": event.state, "failed": event.failed})
