"""LINE's rate limit as it is documented: a token bucket per channel and endpoint, refilled gradually."""

_US = 1_000_000


class TokenBucket:
    """A bucket that starts full and refills at a constant rate; whole numbers only, so no permit is lost to rounding.

    The level is kept in millionths of a token: one µs at r tokens a second refills exactly r of them.
    """

    __slots__ = ("_full", "_level", "_refilled_us", "limit_per_s")

    def __init__(self, limit_per_s: int, capacity_calls: int, now_us: int) -> None:
        if limit_per_s < 0 or capacity_calls < 1:
            raise ValueError(f"limit {limit_per_s}/s must not be negative, capacity {capacity_calls} at least 1")
        self.limit_per_s = limit_per_s
        self._full = capacity_calls * _US
        self._level = self._full
        self._refilled_us = now_us

    def take(self, now_us: int) -> bool:
        """Take one token if there is a whole one. A clock that stands still or steps back refills nothing."""
        elapsed_us = now_us - self._refilled_us
        if elapsed_us > 0:
            self._level = min(self._full, self._level + elapsed_us * self.limit_per_s)
            self._refilled_us = now_us
        if self._level < _US:
            return False
        self._level -= _US
        return True
