"""Settings with which nobody waits for minutes, of check_friends and of sweeps."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from yomawari.domain.backoff import Attempts
from yomawari.usecases.checking import CheckSettings
from yomawari.usecases.listing import ListSettings

QUICK_CHECK = {"gate_retry_s": 1, "patience_us": 1_500_000, "chunks_per_channel": 10}
QUICK_LIST = ListSettings(retry_base_us=20_000, gate_retry_s=1)


def quick_attempts(most: int = 5) -> Attempts:
    """So many, a second or none apart."""
    return Attempts(most, base_s=1, cap_s=1)


def check_settings(numbers: Mapping[str, int]) -> Callable[..., CheckSettings]:
    """In the place of CheckSettings: with these fields, as they are by then; `attempts` is how many at most."""

    def made(**given: Any) -> CheckSettings:
        others = dict(numbers)
        attempts = quick_attempts(others.pop("attempts", 5))
        return replace(CheckSettings(**given), attempts=attempts, **others)

    return made
