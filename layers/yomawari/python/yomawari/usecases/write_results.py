"""Write what LINE said down, once, whatever the queue does."""

from yomawari.messages import CheckResults, ReleaseHold
from yomawari.usecases.conclude_run import ConcludeRun
from yomawari.usecases.motivation_ports import Recorded
from yomawari.usecases.ports import Refused, Released, Settled, SettleStore


class WriteResults:
    """The use case behind write_results, for one message at a time."""

    def __init__(self, store: SettleStore, conclude: ConcludeRun) -> None:
        self._store = store
        self._conclude = conclude

    def __call__(self, message: CheckResults | ReleaseHold) -> Settled | Released | Refused:
        """Apply one message, or what an operator says of a hold, then end the run if it was the last.

        A message that comes again changes nothing, but still makes up for an end that could not be announced.

        Raises:
            Unavailable: the database or the bus is away; give the message back to its queue.
        """
        if isinstance(message, ReleaseHold):
            released = self._store.release(message)
            if isinstance(released, Released):
                self._conclude(message.run_id)
            return released
        settled = self._store.settle(message)
        if isinstance(settled, Settled):
            self._conclude(message.run_id, settled.hold)
        return settled


def figures_of(outcome: Settled | Released | Recorded) -> dict[str, int]:
    """The metrics of one message, by name."""
    match outcome:
        case Recorded():
            return {"TargetsRecorded": outcome.targets}
        case Released():
            return {"Released": outcome.seekers}
        case Settled():
            return {
                "Settled": outcome.friend + outcome.not_friend + outcome.invalid,
                "SettledAsFailed": outcome.failed,
                "Recovered": outcome.recovered,
                "Lost": outcome.lost,
                "TenantHeld": int(outcome.hold is not None),
            }
