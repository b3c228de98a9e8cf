"""The rate gate in memory, for one process: the same decisions, without DynamoDB."""

from yomawari.adapters.gate import PENALTY_BASE_US, PENALTY_CAP_US, RATE_LIMITED
from yomawari.domain.backoff import penalty_us
from yomawari.domain.gate import Ahead, Closed, Gate, Leased, after, lease
from yomawari.usecases.ports import GateUnavailable


class GateFake:
    """Keeps the gates in a dictionary; `is_down` makes every call fail as an unreachable table does."""

    def __init__(self) -> None:
        self.gates: dict[str, Gate] = {}
        self.penalties_us: dict[str, int] = {}
        self.leases = 0
        self.permits = 0
        self.is_down = False

    async def lease(
        self, channel: str, permits: int, interval_us: int, now_us: int, horizon_us: int
    ) -> Leased | Ahead | Closed:
        """See RateGate."""
        gate = self._look(channel)
        self.leases += 1
        decided = lease(gate, permits, interval_us, now_us, horizon_us)
        if isinstance(decided, Leased):
            self.gates[channel] = after(gate, decided.slots)
            self.permits += permits
        return decided

    async def closed(self, channel: str, now_us: int) -> Closed | None:
        """See RateGate."""
        gate = self._look(channel)
        return Closed(gate.closed_until_us, gate.closed_reason) if gate.closed_until_us > now_us else None

    async def close(self, channel: str, closed: Closed) -> None:
        """See RateGate."""
        self.gates[channel] = Gate(self._look(channel).tat_us, closed.until_us, closed.reason)

    async def penalize(self, channel: str, now_us: int) -> Closed:
        """See RateGate."""
        gate = self._look(channel)
        if gate.closed_until_us <= now_us:
            previous_us = self.penalties_us.get(channel, 0)
            penalty = penalty_us(previous_us, gate.closed_until_us, now_us, PENALTY_BASE_US, PENALTY_CAP_US)
            self.penalties_us[channel] = penalty
            gate = self.gates[channel] = Gate(gate.tat_us, now_us + penalty, RATE_LIMITED)
        return Closed(gate.closed_until_us, gate.closed_reason)

    def _look(self, channel: str) -> Gate:
        if self.is_down:
            raise GateUnavailable("down")
        return self.gates.get(channel, Gate())
