"""End an import when its last chunk is registered, and tell the bus."""

import logging
from collections.abc import Callable
from datetime import datetime

from yomawari.usecases.import_ports import ImportEndStore
from yomawari.usecases.ports import Bus

log = logging.getLogger(__name__)


class ConcludeImport:
    """Called after everything that may have been an import's last step; `clock` gives the time with its offset."""

    def __init__(self, store: ImportEndStore, bus: Bus, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock

    def __call__(self, import_id: str) -> None:
        """End the import if nothing is missing, and announce an end the bus does not know of: at least once.

        Raises:
            Unavailable: the database or the bus is away; the next call makes up for it.
        """
        event = self._store.end(import_id, self._clock())
        if event is not None:
            self._bus.announce(event)
            self._store.announced(import_id, event.state)
            log.info("import ended", extra=event.model_dump(exclude={"version", "kind", "reason"}))
