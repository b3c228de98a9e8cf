"""Write what LINE said down, once, whatever the queue does."""

from yomawari.messages import CheckResults
from yomawari.usecases.conclude_run import ConcludeRun
from yomawari.usecases.ports import Refused, Settled, SettleStore


class WriteResults:
    """The use case behind write_results, for one message at a time."""

    def __init__(self, store: SettleStore, conclude: ConcludeRun) -> None:
        self._store = store
        self._conclude = conclude

    def __call__(self, results: CheckResults) -> Settled | Refused:
        """Apply one message, then end the run if it was the last.

        A message that comes again changes nothing, but still makes up for an end that could not be announced.

        Raises:
            Unavailable: the database or the bus is away; give the message back to its queue.
        """
        settled = self._store.settle(results)
        if isinstance(settled, Settled):
            self._conclude(results.run_id)
        return settled
