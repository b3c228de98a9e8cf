"""httpx over the curl engine, so that ordinary calls to LINE share its connections and cost less than httpx' own."""

import asyncio
from itertools import takewhile
from typing import Final

import httpx
import pycurl

from yomawari.adapters.curl import CurlEngine, NoReply, Reply

_OWN_HEADERS: Final = frozenset({b"host", b"content-length", b"connection", b"transfer-encoding"})
"""libcurl writes these itself, each in the way of the protocol it has agreed on."""

_NO_EXPECT: Final = b"Expect:"
"""Without this libcurl asks whether a body over 1 MB is welcome, and waits a second for an answer."""

_ERRORS: Final[dict[int, type[httpx.TransportError]]] = {
    pycurl.E_COULDNT_RESOLVE_HOST: httpx.ConnectError,
    pycurl.E_COULDNT_CONNECT: httpx.ConnectError,
    pycurl.E_SSL_CONNECT_ERROR: httpx.ConnectError,
    pycurl.E_PEER_FAILED_VERIFICATION: httpx.ConnectError,
    pycurl.E_SEND_ERROR: httpx.WriteError,
    pycurl.E_RECV_ERROR: httpx.ReadError,
    pycurl.E_GOT_NOTHING: httpx.RemoteProtocolError,
    pycurl.E_PARTIAL_FILE: httpx.RemoteProtocolError,
    pycurl.E_HTTP2: httpx.RemoteProtocolError,
    92: httpx.RemoteProtocolError,  # CURLE_HTTP2_STREAM, which pycurl does not name
}


class CurlTransport(httpx.AsyncBaseTransport):
    """Carries an httpx.AsyncClient's GETs and POSTs over an engine, which stays its maker's to close.

    The engine's time limits hold; those of the client are not read. Answers come whole, not as streams.
    """

    def __init__(self, engine: CurlEngine) -> None:
        self._engine = engine

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx.AsyncBaseTransport.

        Raises:
            httpx.TransportError: there was no answer; its class says why, as with httpx' own transport.
        """
        if request.method not in {"GET", "POST"}:
            raise httpx.UnsupportedProtocol(f"{request.method} is not spoken here", request=request)
        body = await request.aread() if request.method == "POST" else None
        reply = await self._reply(str(request.url), _headers(request), body)
        if isinstance(reply, NoReply):
            raise _error(reply, request)
        return _response(reply)

    async def _reply(self, url: str, headers: list[bytes], body: bytes | None) -> Reply | NoReply:
        heard: asyncio.Future[Reply | NoReply] = asyncio.get_running_loop().create_future()

        def hear(reply: Reply | NoReply) -> None:
            if not heard.done():  # else its caller was cancelled a moment ago
                heard.set_result(reply)

        give_up = self._engine.send(url, headers, body, hear)
        try:
            return await heard
        except asyncio.CancelledError:
            give_up()
            raise


def _headers(request: httpx.Request) -> list[bytes]:
    headers = [b"%b: %b" % field for field in request.headers.raw if field[0].lower() not in _OWN_HEADERS]
    if any(b"\n" in header or b"\r" in header for header in headers):
        raise httpx.LocalProtocolError("a header with a line break", request=request)
    return [*headers, _NO_EXPECT]


def _error(reply: NoReply, request: httpx.Request) -> httpx.TransportError:
    if reply.code == pycurl.E_OPERATION_TIMEDOUT:
        kind: type[httpx.TransportError] = httpx.ReadTimeout if reply.was_sent else httpx.ConnectTimeout
    else:
        kind = _ERRORS.get(reply.code, httpx.TransportError)
    return kind(reply.message, request=request)


def _response(reply: Reply) -> httpx.Response:
    """The last head counts: those of informational answers (1xx) come before it."""
    last_head = list(takewhile(lambda line: not line.startswith(b"HTTP/"), reversed(reply.lines)))[::-1]
    status_line = reply.lines[-len(last_head) - 1]
    fields = [line.partition(b":") for line in last_head if line.strip()]
    return httpx.Response(
        reply.status,
        headers=[(name.strip(), value.strip()) for name, _colon, value in fields],
        content=reply.body,
        extensions={"http_version": status_line.split(b" ")[0].strip()},
    )
