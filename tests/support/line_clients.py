"""Clients of the double over real sockets, over HTTP/2 or HTTP/1.1, and people it knows."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import TypeVar

import httpx

from tools.line_double.truth import expected_status, token_for
from yomawari.adapters.curl import CurlEngine
from yomawari.adapters.curl_transport import CurlTransport
from yomawari.adapters.line_messages import LineMessages

T = TypeVar("T")
TOKEN = token_for("7")
PEOPLE = [f"U{number:032x}" for number in range(1, 2_001)]
FRIENDS = [one for one in PEOPLE if expected_status("7", one) == 200]


class Line:
    """Opens a client on a loop of its own for each use, over one protocol."""

    def __init__(self, url: str, *, http2: bool, timeout_s: float = 5.0) -> None:
        self.url = url
        self._timeout_s = timeout_s
        self._http2 = http2

    def use(self, main: Callable[[httpx.AsyncClient, CurlEngine], Awaitable[T]]) -> T:
        async def inside() -> T:
            engine = CurlEngine(
                asyncio.get_running_loop(),
                connections=8 if self._http2 else 300,
                connect_timeout_s=self._timeout_s,
                timeout_s=self._timeout_s,
                cleartext=self._http2,
            )
            with closing(engine):
                async with httpx.AsyncClient(transport=CurlTransport(engine), base_url=self.url) as client:
                    return await main(client, engine)

        return asyncio.run(inside())

    def messages(self, main: Callable[[LineMessages], Awaitable[T]]) -> T:
        return self.use(lambda client, _engine: main(LineMessages(client)))
