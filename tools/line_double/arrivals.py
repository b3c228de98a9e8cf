"""What arrived, when, and how it was answered: the record that the rate gate is judged by."""

from collections import Counter, deque
from dataclasses import dataclass

_WINDOW_US = 1_000_000


class SlidingPeak:
    """The most arrivals that any window of one second held, exactly, at a constant cost per arrival.

    A window is half open, (t - 1 s, t]; the largest one always ends on an arrival, so only those are looked at.
    Memory is the arrivals of the last second. Arrivals must come in the order of time.
    """

    __slots__ = ("_recent_us", "peak")

    def __init__(self) -> None:
        self._recent_us: deque[int] = deque()
        self.peak = 0

    def add(self, now_us: int) -> None:
        """Count one arrival at this time, in µs."""
        recent_us = self._recent_us
        recent_us.append(now_us)
        horizon_us = now_us - _WINDOW_US
        while recent_us[0] <= horizon_us:
            recent_us.popleft()
        if len(recent_us) > self.peak:  # noqa: PLR1730 (max() costs three times as much, on every call)
            self.peak = len(recent_us)


@dataclass(frozen=True, slots=True)
class Tally:
    """What one record came to: times in seconds since the epoch, None when nothing arrived."""

    calls: int
    peak_per_s: int
    statuses: dict[str, int]
    first_s: float | None
    last_s: float | None


class Arrivals:
    """The arrivals of one channel and endpoint, or of all of them together."""

    __slots__ = ("_peak", "_statuses", "first_us", "last_us")

    def __init__(self) -> None:
        self._peak = SlidingPeak()
        self._statuses: Counter[str] = Counter()
        self.first_us: int | None = None
        self.last_us: int | None = None

    def add(self, now_us: int, outcome: str) -> None:
        """Count one call that arrived at this time and is answered so (a status, or the name of a fault)."""
        self._peak.add(now_us)
        self._statuses[outcome] += 1
        if self.first_us is None:
            self.first_us = now_us
        self.last_us = now_us

    def tally(self, epoch_offset_us: int = 0) -> Tally:
        """The counts so far; ``epoch_offset_us`` is added to times to turn the double's clock into the epoch's."""

        def seconds(time_us: int | None) -> float | None:
            return None if time_us is None else (time_us + epoch_offset_us) / _WINDOW_US

        return Tally(
            calls=self._statuses.total(),
            peak_per_s=self._peak.peak,
            statuses=dict(sorted(self._statuses.items())),
            first_s=seconds(self.first_us),
            last_s=seconds(self.last_us),
        )
