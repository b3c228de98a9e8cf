"""How the double behaves from its start; the control API can change all of it but the seed while it runs."""

from dataclasses import dataclass

from tools.line_double.truth import DEFAULT_FRIEND_SHARE, DEFAULT_SEED


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of one double.

    ``bucket`` is the token bucket's capacity in calls, which LINE does not disclose; ``verified`` names the tenants,
    with commas, whose accounts may ask for their followers.
    """

    port: int = 0
    latency_ms: float = 60.0
    jitter_ms: float = 10.0
    error_share: float = 0.0
    cut_share: float = 0.0
    limit_per_s: int = 2000
    bucket: int = 2000
    seed: int = DEFAULT_SEED
    friend_share: float = DEFAULT_FRIEND_SHARE
    close_on_4xx: bool = False
    verified: str = ""

    def __post_init__(self) -> None:
        if self.latency_ms < 0 or self.jitter_ms < 0:
            raise ValueError("latency and jitter are not negative")
