"""LINE's list of followers in memory."""

import asyncio
from collections.abc import Callable, Sequence

from yomawari.domain.followers import FollowerPage, InvalidStart, PageAnswer
from yomawari.domain.outcomes import ChannelRefused

Trouble = Callable[[str, int], PageAnswer | None]
"""From (token, which call this is): what goes wrong, None when nothing does."""


class FollowersFake:
    """Lists `line_user_ids` in their order, as they are when a page is asked for.

    Attributes:
        line_user_ids: those who would be listed now.
        calls: the (limit, start) of each call.
        is_verified: whether the account may ask at all.
    """

    def __init__(
        self,
        line_user_ids: Sequence[str] = (),
        trouble: Trouble = lambda _token, _call: None,
        latency_s: float = 0.06,
    ) -> None:
        self.line_user_ids = list(line_user_ids)
        self.calls: list[tuple[int, str | None]] = []
        self.is_verified = True
        self._trouble = trouble
        self._latency_s = latency_s

    async def page(self, token: str, limit: int, start: str | None) -> PageAnswer:
        """See FollowerLists; a `next` is `from-` and a place."""
        self.calls.append((limit, start))
        answer = self._trouble(token, len(self.calls)) or self._answer(limit, start)
        await asyncio.sleep(self._latency_s)
        return answer

    def _answer(self, limit: int, start: str | None) -> PageAnswer:
        if not self.is_verified:
            return ChannelRefused("forbidden")
        place = 0 if start is None else self._place(start)
        if place is None:
            return InvalidStart()
        end = place + limit
        return FollowerPage(self.line_user_ids[place:end], f"from-{end}" if end < len(self.line_user_ids) else None)

    @staticmethod
    def _place(start: str) -> int | None:
        place = start.removeprefix("from-")
        return int(place) if start.startswith("from-") and place.isdigit() else None
