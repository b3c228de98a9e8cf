"""Write down whom LINE accepted a change for, once, whatever the queue does."""

from collections.abc import Callable, Sequence
from datetime import datetime

from yomawari.domain.summaries import recorded_as_of
from yomawari.messages import TargetsRecorded
from yomawari.usecases.motivation_ports import Recorded, Targets, TargetStore
from yomawari.usecases.ports import Refused


class RecordTargets:
    """All such messages of a batch at once, within write_results; `clock` gives the time with its offset."""

    def __init__(self, store: TargetStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    def __call__(self, messages: Sequence[TargetsRecorded]) -> list[Recorded | Refused]:
        """Record the messages' targets; what became of each, in their order. One that comes again changes nothing.

        Raises:
            Unavailable: the database is away; give the messages back to their queue.
        """
        now = self._clock()
        return self._store.record(
            [
                Targets(one.change_kind, one.history_id, one.user_ids, recorded_as_of(one.told_at, now))
                for one in messages
            ]
        )
