"""The ids of unfinished sweeps in memory."""


class SweepStatesFake:
    """Keeps them in a dictionary; a test may take one away."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def save(self, key: str, packed: bytes) -> None:
        """See SweepStates."""
        self.kept[key] = packed

    async def load(self, key: str) -> bytes | None:
        """See SweepStates."""
        return self.kept.get(key)
