"""How long to wait before asking again. Pure: the random number is an argument."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often a message comes back because LINE did not answer, before it is given up, and after how long.

    Attributes:
        most: visits of a message to a worker, the first one included.
        base_s, cap_s: the ceiling of the first delay, and of every one.
    """

    most: int = 5
    base_s: int = 20
    cap_s: int = 300

    def delay_s(self, attempt: int, random: float) -> int:
        """The queue's delay after this attempt: exponential, and never less than half of its ceiling.

        Half is fixed because the attempts together must outlive an outage: 20, 40, 80 and 160 s give at least 150.
        `random` is uniform in [0, 1).
        """
        ceiling_s = min(self.cap_s, self.base_s << (attempt - 1))
        return ceiling_s // 2 + int((ceiling_s - ceiling_s // 2) * random)


def hidden_s(receives: int) -> int:
    """How long a file's message stays hidden after something was away: 1, 4, 16 and 64 minutes, then not at all.

    A blip costs a minute, and the five receives together outlive an outage of more than an hour; after the fifth it is
    a dead letter, and nothing is to be waited for. The queue's visibility timeout is for workers that die, and far too
    long for any of it.
    """
    return 60 << 2 * (receives - 1) if receives < 5 else 0


def full_jitter_us(tries: int, base_us: int, cap_us: int, random: float) -> int:
    """Exponential backoff with full jitter: a random share of `base * 2**(tries - 1)`, at most of the cap.

    Args:
        tries: how often it was tried and failed; 1 after the first failure.
        base_us: the ceiling of the first wait.
        cap_us: the ceiling of every wait.
        random: uniform in [0, 1).
    """
    ceiling_us = min(cap_us, base_us << (tries - 1))
    return int(ceiling_us * random)


def penalty_us(previous_us: int, ended_us: int, now_us: int, base_us: int, cap_us: int) -> int:
    """How long a channel stays closed after a 429: twice the last time, if that ended less than a cap ago."""
    is_recent = previous_us > 0 and now_us - ended_us < cap_us
    return min(cap_us, previous_us * 2) if is_recent else base_us
