"""LINE's Messaging API, as far as messages are sent: push, multicast and the month's quota."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import httpx

from yomawari.domain.outcomes import Unknown
from yomawari.domain.sends import SendAnswer, send_answer
from yomawari.usecases.ports import Unavailable

_MESSAGE = "/v2/bot/message"


class LineMessages:
    """Sends over a client whose base URL is LINE's and whose transport should be the curl engine's."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def multicast(self, token: str, to: Sequence[str], text: str, retry_key: UUID) -> SendAnswer:
        """See send_ports.LineMessages."""
        return await self._send("multicast", token, list(to), text, retry_key)

    async def push(self, token: str, to: str, text: str, retry_key: UUID) -> SendAnswer:
        """See send_ports.LineMessages."""
        return await self._send("push", token, to, text, retry_key)

    async def quota_left(self, token: str) -> int | None:
        """See send_ports.LineMessages; approximate, as LINE's own count of what was used is."""
        quota = await self._read("quota", token)
        if quota.get("type") == "none":
            return None
        used = await self._read("quota/consumption", token)
        try:
            return max(0, int(quota["value"]) - int(used["totalUsage"]))
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable("LINE: no quota in the answer") from error

    async def _send(self, kind: str, token: str, to: str | list[str], text: str, retry_key: UUID) -> SendAnswer:
        content = {"to": to, "messages": [{"type": "text", "text": text}]}
        headers = {**_authorization(token), "X-Line-Retry-Key": str(retry_key)}
        try:
            answer = await self._client.post(f"{_MESSAGE}/{kind}", json=content, headers=headers)
        except httpx.HTTPError as error:
            return Unknown(f"no answer: {type(error).__name__}")
        return send_answer(answer.status_code, answer.content)

    async def _read(self, name: str, token: str) -> dict[str, Any]:
        try:
            answer = await self._client.get(f"{_MESSAGE}/{name}", headers=_authorization(token))
            content = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise Unavailable(f"LINE: {type(error).__name__}") from error
        if not isinstance(content, dict):
            raise Unavailable("LINE: an answer that is not LINE's")
        return content


def _authorization(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
