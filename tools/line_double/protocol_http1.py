"""HTTP/1.1 with keep-alive, one request at a time per connection, pipelined ones in turn."""

import asyncio
from typing import Final

from tools.line_double.answers import Answer, Deed
from tools.line_double.cut import cut
from tools.line_double.reception import Reception
from tools.line_double.request import MAX_BODY_BYTES, Headers, Request
from tools.line_double.wheel import now_us

_MOST_HEAD_BYTES: Final = 64 * 1024
_MOST_KNOWN_HEADERS: Final = 4096
_BAD_REQUEST: Final = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_known_headers: dict[bytes, Headers] = {}


class Http1Connection:
    """One HTTP/1.1 connection. While a request waits for its answer, what follows it stays in the buffer."""

    def __init__(self, transport: asyncio.Transport, reception: Reception) -> None:
        self._transport = transport
        self._reception = reception
        self._buffer = b""
        self._answering = False
        self._close_after = False

    def receive(self, received: bytes) -> None:
        """Take bytes from the socket, in pieces of any size."""
        self._buffer = self._buffer + received if self._buffer else received
        if not self._answering:
            self._next_request()
        elif len(self._buffer) > MAX_BODY_BYTES:
            self._transport.abort()

    def close(self) -> None:
        """Nothing is said at the end of an HTTP/1.1 connection."""
        self._transport.close()

    def flush(self, due: list[tuple[int, Answer]]) -> None:
        """Write the answer to the request in hand and turn to the next one."""
        for _, answer in due:
            if self._transport.is_closing():
                return
            if answer.deed is not Deed.SEND:
                cut(self._transport)
                return
            head = answer.head
            closing = self._close_after or (self._reception.double.close_on_4xx and 400 <= head.status < 500)
            start = head.close_1 if closing else head.keep_1
            request_id = answer.request_id or self._reception.next_request_id()
            self._transport.write(b"%b%b\r\n\r\n%b" % (start, request_id, answer.body))
            if closing:
                self._transport.close()
                return
        self._answering = False
        if self._buffer:
            self._next_request()

    def _next_request(self) -> None:
        try:
            request = self._take_request()
        except ValueError:
            self._transport.write(_BAD_REQUEST)
            self._transport.close()
            return
        if request is not None:
            self._answering = True
            self._reception.receive(self, 0, request)

    def _take_request(self) -> Request | None:
        """The first request of the buffer, which it leaves; None while it is not complete.

        Raises:
            ValueError: this is no HTTP/1.1 request, or too large a one.
        """
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(buffer) > _MOST_HEAD_BYTES:
                raise ValueError("a head without an end")
            return None
        line_end = buffer.find(b"\r\n")
        method, target, version = buffer[:line_end].decode("ascii").split(" ")
        headers = _headers_of(buffer[line_end + 2 : end + 2])
        if headers.chunked:
            taken = _take_chunks(buffer, end + 4)
            if taken is None:
                return None
            body, stop = taken
        else:
            stop = end + 4 + headers.content_length
            if stop > len(buffer):
                return None
            body = buffer[end + 4 : stop]
        self._buffer = buffer[stop:]
        self._close_after = headers.close or version != "HTTP/1.1"
        return Request(method, target, headers, body, now_us())


def _headers_of(lines: bytes) -> Headers:
    """The headers in these lines; the same lines, which most requests of a client carry, are parsed once."""
    headers = _known_headers.get(lines)
    if headers is None:
        fields = []
        for line in lines.decode("latin-1").split("\r\n")[:-1]:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise ValueError("a header line without a name")
            fields.append((name, value.strip()))
        headers = Headers(fields)
        if headers.content_length > MAX_BODY_BYTES:
            raise ValueError("the body is too large")
        if len(_known_headers) >= _MOST_KNOWN_HEADERS:
            _known_headers.clear()
        _known_headers[lines] = headers
    return headers


def _take_chunks(buffer: bytes, at: int) -> tuple[bytes, int] | None:
    """The body in chunked coding that begins here and where it stops; None while it is not complete."""
    body = bytearray()
    while True:
        line_end = buffer.find(b"\r\n", at)
        if line_end < 0:
            return None
        size = int(buffer[at:line_end].partition(b";")[0], 16)
        if not 0 <= size <= MAX_BODY_BYTES - len(body):
            raise ValueError("the body is too large")
        at = line_end + 2
        if size == 0:
            # No client of the double sends trailers, so the empty line that ends them follows at once.
            return None if len(buffer) < at + 2 else (bytes(body), at + 2)
        if len(buffer) < at + size + 2:
            return None
        body += buffer[at : at + size]
        at += size + 2
