"""LINE's profile endpoint in memory."""

import asyncio
from collections import Counter
from collections.abc import Callable

from yomawari.domain.outcomes import Answer


class ProfilesFake:
    """Answers by a function of (token, LINE user id, which call for that id this is), after a latency.

    Attributes:
        calls: how often each LINE user id was asked about.
    """

    def __init__(self, answer: Callable[[str, str, int], Answer], latency_s: float = 0.06) -> None:
        self._answer = answer
        self._latency_s = latency_s
        self.calls: Counter[str] = Counter()

    def ask(self, token: str, line_user_id: str, answered: Callable[[Answer], None]) -> None:
        """See Profiles."""
        self.calls[line_user_id] += 1
        answer = self._answer(token, line_user_id, self.calls[line_user_id])
        asyncio.get_running_loop().call_later(self._latency_s, answered, answer)
