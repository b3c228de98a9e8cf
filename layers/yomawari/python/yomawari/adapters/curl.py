"""Many HTTP calls at once on one event loop: libcurl's multi interface, driven by asyncio.

libcurl multiplexes the calls over a few HTTP/2 connections and does the parsing in C; measured on one core it makes
several times the calls of httpx or aiohttp (docs/adr/002-http-engine.md). A call costs no task and no future: its
answer is handed to a function.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pycurl

Done = Callable[[int, bytes], None]
"""Called once per call with (status, body); status 0 means that there was no answer, and the body says why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with its head: the status line and the headers, each as it came."""

    status: int
    lines: list[bytes]
    body: bytes


@dataclass(frozen=True, slots=True)
class NoReply:
    """No answer: libcurl's code and words. `was_sent` is False only if no byte of the request can have gone out."""

    code: int
    message: str
    was_sent: bool


Replied = Callable[[Reply | NoReply], None]

NO_ANSWER: Final = 0
_READS: Final = {pycurl.POLL_IN, pycurl.POLL_INOUT}
_WRITES: Final = {pycurl.POLL_OUT, pycurl.POLL_INOUT}


class CurlEngine:
    """A connection pool for one event loop.

    Args:
        loop: the loop that every call is made and answered on.
        connections: connections per host at most; each carries as many streams as the server allows.
        connect_timeout_s: until a connection stands.
        timeout_s: of one call, from start to the last byte.
        cleartext: speak HTTP/2 without TLS, to a server on this machine that is known to understand it.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        connections: int,
        connect_timeout_s: float,
        timeout_s: float,
        cleartext: bool = False,
    ) -> None:
        self._loop = loop
        self._http = pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE if cleartext else pycurl.CURL_HTTP_VERSION_2TLS
        self._connect_timeout_ms = int(connect_timeout_s * 1000)
        self._timeout_ms = int(timeout_s * 1000)
        self._timer: asyncio.TimerHandle | None = None
        self._watched: dict[int, int] = {}
        self._free: list[pycurl.Curl] = []
        self._free_for_heads: list[pycurl.Curl] = []
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, connections)

    def get(self, url: str, headers: list[str], done: Done) -> None:
        """Start a GET; `done` hears its answer. Never raises for what the network or the server does.

        The headers are set anew only when the list is another object than the handle's last one, so a caller keeps
        one list per channel.
        """
        handle = self._free.pop() if self._free else self._make(self._free)
        if handle.headers is not headers:
            handle.setopt(pycurl.HTTPHEADER, headers)
            handle.headers = headers
        handle.setopt(pycurl.URL, url)
        handle.done = done
        self._multi.add_handle(handle)

    def send(self, url: str, headers: list[bytes], body: bytes | None, replied: Replied) -> Callable[[], None]:
        """Start a POST of this body, or a GET without one; `replied` hears the answer with its head.

        Never raises for what the network or the server does. Dearer than `get`, whose handles it leaves alone.

        Returns:
            what gives the call up: it is cut off and `replied` never hears of it; nothing happens once it has.
        """
        handle = self._free_for_heads.pop() if self._free_for_heads else self._make_for_heads()
        if body is None:
            handle.setopt(pycurl.HTTPGET, 1)
        else:
            handle.setopt(pycurl.POST, 1)
            handle.setopt(pycurl.POSTFIELDS, body)
        handle.setopt(pycurl.HTTPHEADER, headers)
        handle.setopt(pycurl.URL, url)
        done = handle.done = partial(_reply, handle, replied)
        self._multi.add_handle(handle)
        return partial(self._give_up, handle, done)

    def close(self) -> None:
        """Drop every connection; calls under way are never answered."""
        for fd in list(self._watched):
            self._watch(pycurl.POLL_REMOVE, fd)
        self._set_timer(-1)
        self._multi.close()

    def _make(self, kept_in: list[pycurl.Curl]) -> pycurl.Curl:
        """Handles are kept and used again, because making and setting one up costs more than a call."""
        handle = pycurl.Curl()
        handle.kept_in = kept_in
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.HTTP_VERSION, self._http)
        handle.setopt(pycurl.PIPEWAIT, 1)
        handle.setopt(pycurl.CONNECTTIMEOUT_MS, self._connect_timeout_ms)
        handle.setopt(pycurl.TIMEOUT_MS, self._timeout_ms)
        handle.headers = None
        handle.body = bytearray()
        handle.setopt(pycurl.WRITEFUNCTION, handle.body.extend)
        return handle

    def _make_for_heads(self) -> pycurl.Curl:
        handle = self._make(self._free_for_heads)
        handle.lines = []
        handle.setopt(pycurl.HEADERFUNCTION, handle.lines.append)
        return handle

    def _set_timer(self, timeout_ms: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if timeout_ms >= 0:
            self._timer = self._loop.call_later(timeout_ms / 1000, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._act(pycurl.SOCKET_TIMEOUT, 0)

    def _watch(self, action: int, fd: int, _multi: object = None, _data: object = None) -> None:
        before = self._watched.pop(fd, pycurl.POLL_NONE)
        if action in _READS and before not in _READS:
            self._loop.add_reader(fd, self._act, fd, pycurl.CSELECT_IN)
        if action not in _READS and before in _READS:
            self._loop.remove_reader(fd)
        if action in _WRITES and before not in _WRITES:
            self._loop.add_writer(fd, self._act, fd, pycurl.CSELECT_OUT)
        if action not in _WRITES and before in _WRITES:
            self._loop.remove_writer(fd)
        if action != pycurl.POLL_REMOVE:
            self._watched[fd] = action

    def _act(self, fd: int, ready: int) -> None:
        self._multi.socket_action(fd, ready)
        left = 1
        while left:
            left, answered, failed = self._multi.info_read()
            for handle in answered:
                self._finish(handle, handle.getinfo(pycurl.RESPONSE_CODE), bytes(handle.body))
            for handle, code, message in failed:
                handle.code = code
                self._finish(handle, NO_ANSWER, message.encode())

    def _finish(self, handle: "pycurl.Curl", status: int, body: bytes) -> None:
        self._multi.remove_handle(handle)
        handle.body.clear()
        done: Done = handle.done
        handle.kept_in.append(handle)
        done(status, body)

    def _give_up(self, handle: "pycurl.Curl", done: Done) -> None:
        if handle.done is done:  # else it has been answered, and may carry another call by now
            self._multi.remove_handle(handle)
            handle.close()


def _reply(handle: Any, replied: Replied, status: int, body: bytes) -> None:  # noqa: ANN401 - pycurl is untyped
    handle.done = None
    lines = list(handle.lines)
    handle.lines.clear()
    if status == NO_ANSWER:
        was_sent = handle.getinfo(pycurl.REQUEST_SIZE) > 0
        replied(NoReply(handle.code, body.decode(), was_sent))
    else:
        replied(Reply(status, lines, body))
