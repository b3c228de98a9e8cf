"""Register the rows of an import, once, whatever the queue does."""

from collections.abc import Callable
from datetime import datetime

from yomawari.messages import RegistrationChunk
from yomawari.usecases.conclude_import import ConcludeImport
from yomawari.usecases.import_ports import Registered, RegistrationStore
from yomawari.usecases.ports import Refused


class RegisterSeekers:
    """The use case behind register_seekers, for one chunk at a time; `clock` gives the time with its offset."""

    def __init__(self, store: RegistrationStore, conclude: ConcludeImport, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._conclude = conclude
        self._clock = clock

    def __call__(self, chunk: RegistrationChunk) -> Registered | Refused:
        """Register one chunk, then end the import if it was the last.

        A chunk that comes again changes nothing, but still makes up for an end that could not be announced.

        Raises:
            Unavailable: the database or the bus is away; give the message back to its queue.
        """
        registered = self._store.register(chunk, self._clock())
        if isinstance(registered, Registered):
            self._conclude(chunk.import_id)
        return registered
