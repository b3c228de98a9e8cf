"""Write down whom LINE accepted a change for, once, whatever the queue does."""

from collections.abc import Callable
from datetime import datetime

from yomawari.domain.summaries import recorded_as_of
from yomawari.messages import TargetsRecorded
from yomawari.usecases.motivation_ports import Recorded, TargetStore
from yomawari.usecases.ports import Refused


class RecordTargets:
    """One message at a time, within write_results; `clock` gives the time with its offset."""

    def __init__(self, store: TargetStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    def __call__(self, message: TargetsRecorded) -> Recorded | Refused:
        """Record one message's targets; a message that comes again changes nothing.

        Raises:
            Unavailable: the database is away; give the message back to its queue.
        """
        created_at = recorded_as_of(message.told_at, self._clock())
        return self._store.record(message.change_kind, message.history_id, message.user_ids, created_at)
