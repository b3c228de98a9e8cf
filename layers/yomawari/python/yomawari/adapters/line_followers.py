"""LINE's Messaging API, as far as followers are listed; verified and premium accounts only."""

from typing import Final

import httpx

from yomawari.domain.followers import PageAnswer, page_answer
from yomawari.domain.outcomes import Unknown

_PATH: Final = "/v2/bot/followers/ids"


class LineFollowers:
    """Asks over a client whose base URL is LINE's and whose transport should be the curl engine's."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def page(self, token: str, limit: int, start: str | None) -> PageAnswer:
        """See sweep_ports.FollowerLists; without a retry key, as all GETs (adapters/line.py)."""
        asked: dict[str, str | int] = {"limit": limit} if start is None else {"limit": limit, "start": start}
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        try:
            answer = await self._client.get(_PATH, params=asked, headers=headers)
        except httpx.HTTPError as error:
            return Unknown(f"no answer: {type(error).__name__}")
        return page_answer(answer.status_code, answer.content, has_start=start is not None)
