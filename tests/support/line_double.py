"""The double's connections without a socket or a clock: what they write is kept, what falls due is flushed by hand."""

import json
from collections.abc import Sequence
from typing import Any, cast

from hpack import Decoder, Encoder

from tools.line_double import http2_frames as h2
from tools.line_double.answers import Answer
from tools.line_double.control import Control
from tools.line_double.double import LineDouble
from tools.line_double.options import Options
from tools.line_double.reception import Reception
from tools.line_double.request import Headers, Request
from tools.line_double.wheel import Connection

TOKEN = "double-7-x"
FRIEND = "U" + "0" * 32  # by the rule, with seed 1, a friend of tenant 7
STRANGER = "U" + "0" * 31 + "4"  # and one who is not
S = 1_000_000
START_US = 50 * S


class Line:
    """A double whose clock stands still until it is moved."""

    def __init__(self, **options: Any) -> None:
        self.now_us = START_US
        self.double = LineDouble(Options(**options), lambda: self.now_us)
        self._control = Control(self.double)

    def ask(
        self, line_user_id: str = FRIEND, token: str = TOKEN, path: str = "", method: str = "GET", **headers: str
    ) -> Answer:
        return self.call(method, path or f"/v2/bot/profile/{line_user_id}", b"", token, **headers)

    def status(self, line_user_id: str = FRIEND, **asked: str) -> int:
        return self.ask(line_user_id, **asked).head.status

    def call(self, method: str, path: str, body: bytes, token: str = TOKEN, **headers: str) -> Answer:
        fields = [("authorization", f"Bearer {token}"), *((k.replace("_", "-"), v) for k, v in headers.items())]
        return self.double.answer(Request(method, path, Headers(fields), body, self.now_us))

    def send(
        self, kind: str, to: object, text: str | Sequence[object] = "hello", key: str | None = None, **more: object
    ) -> Answer:
        messages = [{"type": "text", "text": text}] if isinstance(text, str) else text
        headers = {} if key is None else {"x_line_retry_key": key}
        body = json.dumps({"to": to, "messages": messages, **more}).encode()
        return self.call("POST", f"/v2/bot/message/{kind}", body, content_type="application/json", **headers)

    def order(self, method: str, name: str, content: object = None) -> tuple[int, Any]:
        return self.control(method, name, b"" if content is None else json.dumps(content).encode())

    def control(self, method: str, name: str, body: bytes) -> tuple[int, Any]:
        answer = self._control.answer(Request(method, f"/_double/{name}", Headers([]), body, self.now_us))
        return answer.head.status, json.loads(answer.body)


class FakeTransport:
    """Keeps what is written, and whether the connection was closed or aborted."""

    def __init__(self) -> None:
        self.written = b""
        self.is_closed = False
        self.is_aborted = False
        self.socket_options: list[tuple[object, ...]] = []

    def write(self, written: bytes) -> None:
        assert not self.is_closed
        self.written += written

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = self.is_aborted = True

    def get_extra_info(self, name: str) -> "FakeTransport":
        assert name == "socket"
        return self

    def setsockopt(self, *option: object) -> None:
        self.socket_options.append(option)

    def is_closing(self) -> bool:
        return self.is_closed

    def take(self) -> bytes:
        """What was written since the last time."""
        written, self.written = self.written, b""
        return written


class FakeWheel:
    """Keeps answers until they are turned out."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Connection, int, Answer]] = []

    def add(self, connection: Connection, stream_id: int, answer: Answer, due_us: int) -> None:
        del due_us
        self.waiting.append((connection, stream_id, answer))

    def turn(self) -> int:
        """Flush all that waits, those of one connection at once; return how many there were."""
        waiting, self.waiting = self.waiting, []
        by_connection: dict[Connection, list[tuple[int, Answer]]] = {}
        for connection, stream_id, answer in waiting:
            by_connection.setdefault(connection, []).append((stream_id, answer))
        for connection, due in by_connection.items():
            connection.flush(due)
        return len(waiting)


class Desk:
    """A reception with a fake wheel, and a fake transport for one connection."""

    def __init__(self, options: Options | None = None) -> None:
        self.double = LineDouble(options or Options())
        self.wheel = FakeWheel()
        self.transport = FakeTransport()
        self.reception = Reception(self.double, cast("Any", self.wheel), seed=1)


class RawHttp2:
    """A client's side of HTTP/2, frame by frame."""

    def __init__(self) -> None:
        self.encoder = Encoder()
        self._decoder = Decoder()

    def block(self, path: str, method: str = "GET", token: str = TOKEN, **headers: str) -> bytes:
        """A request's header block."""
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        pseudo = [(":method", method), (":path", path), (":scheme", "http"), (":authority", "line")]
        return bytes(self.encoder.encode([*pseudo, ("authorization", f"Bearer {token}"), *named]))

    def get(self, stream_id: int, path: str, **headers: str) -> bytes:
        """A complete GET in one HEADERS frame."""
        return h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, stream_id, self.block(path, **headers))

    def read(self, written: bytes) -> list[tuple[int, int, int, Any]]:
        """(type, flags, stream, payload) of each frame; a HEADERS payload is decoded into a dict."""
        frames: list[tuple[int, int, int, Any]] = []
        while written:
            high, low, kind, flags, stream_id = h2.FRAME_HEAD.unpack_from(written)
            length = high << 8 | low
            payload, written = written[9 : 9 + length], written[9 + length :]
            assert len(payload) == length
            decoded = dict(self._decoder.decode(payload)) if kind == h2.HEADERS else payload
            frames.append((kind, flags, stream_id, decoded))
        return frames
