"""What sending asks of the outside, beyond usecases/ports.py."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from yomawari.domain.sends import SendAnswer


class LineMessages(Protocol):
    """LINE's sending endpoints. Nothing is raised for LINE's sake: what it does not answer is Unknown."""

    async def multicast(self, token: str, to: Sequence[str], text: str, retry_key: UUID) -> SendAnswer:
        """Send one text to up to 500 people: to all of them, or to none."""
        ...

    async def push(self, token: str, to: str, text: str, retry_key: UUID) -> SendAnswer:
        """Send one text to one person."""
        ...

    async def quota_left(self, token: str) -> int | None:
        """How many recipients the channel may still reach this month, None without a limit.

        Raises:
            Unavailable: LINE did not say.
        """
        ...
