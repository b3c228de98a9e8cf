"""The rate gate's mathematics: GCRA with leases, as a pure function of (state, now).

A channel's gate holds `tat_us` (the "theoretical arrival time" of GCRA, ITU-T I.371): the time, in µs since the
epoch, at which the next free slot begins. A lease of n permits at interval T takes the slots start + i*T and moves
`tat_us` by n*T. Leases never overlap, so the calls of any number of workers stay evenly spaced.
"""

from dataclasses import dataclass, replace
from typing import Final

SECOND_US: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Gate:
    """The state of one channel and endpoint: when the next slot is free, and until when it is closed, and why."""

    tat_us: int = 0
    closed_until_us: int = 0
    closed_reason: str = ""


@dataclass(frozen=True, slots=True)
class Slots:
    """A contiguous run of permits: permit i may be used at `start_us + i * interval_us` or later, never before."""

    start_us: int
    count: int
    interval_us: int

    @property
    def end_us(self) -> int:
        """The time at which the first slot after these begins."""
        return self.start_us + self.count * self.interval_us


@dataclass(frozen=True, slots=True)
class Leased:
    """The permits were granted."""

    slots: Slots


@dataclass(frozen=True, slots=True)
class Ahead:
    """The channel is booked too far ahead; asking again before `until_us` is of no use."""

    until_us: int


@dataclass(frozen=True, slots=True)
class Closed:
    """The channel takes no calls before `until_us`; the reason says why, in a word."""

    until_us: int
    reason: str


def interval_us(rate_per_s: int) -> int:
    """The distance of two slots at this rate, rounded up so that rounding can only slow the calls down."""
    return -(-SECOND_US // rate_per_s)


def lease(gate: Gate, permits: int, interval_us: int, now_us: int, horizon_us: int) -> Leased | Ahead | Closed:
    """Take the next free slots of a channel (GCRA, after ITU-T I.371).

    Slots of different workers never overlap, so their calls stay evenly spaced however many workers there are.
    Weakness: slots of a worker that dies are lost; 190 permits at 1,900/s are 100 ms of the channel.
    """
    if gate.closed_until_us > now_us:
        return Closed(gate.closed_until_us, gate.closed_reason)
    start_us = max(gate.tat_us, now_us)
    if start_us - now_us > horizon_us:
        return Ahead(start_us - horizon_us)
    return Leased(Slots(start_us, permits, interval_us))


def after(gate: Gate, slots: Slots) -> Gate:
    """The gate once these slots have been taken from it."""
    return replace(gate, tat_us=slots.end_us)


class Permits:
    """The permits a worker holds for one channel, in the order of their slots.

    Pure: the time is an argument. A permit that is more than `tolerance_us` late is thrown away, because using it
    late would put two seconds' worth of calls into one: at rate r and tolerance L any second holds at most r(1 + L).
    """

    def __init__(self, tolerance_us: int) -> None:
        self._tolerance_us = tolerance_us
        self._slots: list[Slots] = []
        self.thrown_away = 0

    def add(self, slots: Slots) -> None:
        """Keep a fresh lease. Leases of one channel come in the order of their slots."""
        self._slots.append(slots)

    def take(self, wanted: int, now_us: int) -> int:
        """Use up to `wanted` permits whose slot has come, and say how many; late ones are dropped first."""
        self._drop_late(now_us)
        taken = 0
        while self._slots and taken < wanted:
            first = self._slots[0]
            due = min(first.count, (now_us - first.start_us) // first.interval_us + 1, wanted - taken)
            if due <= 0:
                break
            taken += due
            self._advance(due)
        return taken

    def next_us(self) -> int | None:
        """When the next permit's slot begins; None when none is left."""
        return self._slots[0].start_us if self._slots else None

    def left(self) -> int:
        """How many permits are held, due or not."""
        return sum(slots.count for slots in self._slots)

    def clear(self) -> None:
        """Give up every permit, because the channel was closed."""
        self._slots.clear()

    def _drop_late(self, now_us: int) -> None:
        latest_us = now_us - self._tolerance_us
        while self._slots and self._slots[0].start_us < latest_us:
            first = self._slots[0]
            late = min(first.count, -((first.start_us - latest_us) // first.interval_us))
            self.thrown_away += late
            self._advance(late)

    def _advance(self, count: int) -> None:
        first = self._slots[0]
        if count == first.count:
            self._slots.pop(0)
        else:
            self._slots[0] = Slots(first.start_us + count * first.interval_us, first.count - count, first.interval_us)
