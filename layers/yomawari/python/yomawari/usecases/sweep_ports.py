"""What sweeping asks of the outside beyond usecases/ports.py."""

from collections.abc import Generator
from datetime import datetime
from typing import Protocol

from yomawari.domain.chunks import Seeker
from yomawari.domain.followers import PageAnswer


class FollowerLists(Protocol):
    """LINE's list of a channel's followers."""

    async def page(self, token: str, limit: int, start: str | None) -> PageAnswer:
        """Ask for one page, the first without a `start`. Nothing is raised for LINE's sake."""
        ...


class SweepStates(Protocol):
    """Where the ids of a sweep wait for its next worker; for a day at least. Raises Unavailable."""

    async def save(self, key: str, packed: bytes) -> None:
        """Keep them under a key, whatever is there."""
        ...

    async def load(self, key: str) -> bytes | None:
        """What is there, None when nothing is (any more)."""
        ...


class SweepStore(Protocol):
    """The tenant's side of a sweep."""

    def seekers(self, run_id: int, tenant_id: int) -> Generator[Seeker, None, None]:
        """Stream whom the run asks about, by job seeker: the very ones a dispatcher would send in chunks."""
        ...

    def probed(self, tenant_id: int, now: datetime, *, allowed: bool) -> None:
        """Keep what LINE said of a channel's list."""
        ...
