"""End a run when its last answer is in, and tell the bus."""

import logging
from collections.abc import Callable
from datetime import datetime

from yomawari.usecases.ports import Bus, EndStore

log = logging.getLogger(__name__)


class ConcludeRun:
    """Called after everything that may have been a run's last step; `clock` gives the time with its offset."""

    def __init__(self, store: EndStore, bus: Bus, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock

    def __call__(self, run_id: int) -> None:
        """End the run if nothing is missing, and announce an end the bus does not know of: at least once.

        Raises:
            Unavailable: the database or the bus is away; the next call makes up for it.
        """
        event = self._store.end(run_id, self._clock())
        if event is not None:
            self._bus.announce(event)
            self._store.announced(run_id, event.state)
            log.info("run ended", extra={"run_id": run_id, "state": event.state, "failed": event.failed})
