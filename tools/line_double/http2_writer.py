"""Answers on their way out of one HTTP/2 connection: header blocks in the form it is ready for, bodies as they fit."""

from typing import Final

from tools.line_double import http2_frames as h2
from tools.line_double.answers import Answer, Head
from tools.line_double.http2_encoding import TABLE_TO_ZERO, Http2Head, headers_frame
from tools.line_double.http2_flow import SendWindows
from tools.line_double.http2_frames import PeerError

_TABLE_BYTES: Final = 4096  # a new connection's dynamic table; priming needs about 500 of them


class Http2Writer:
    """Collects the frames of one tick. The order of ``add`` is the order of the wire, as header compression needs."""

    def __init__(self) -> None:
        self._windows = SendWindows()
        self._pieces: list[bytes] = []
        self._is_primed = False
        self._may_index = True
        self._owes_table_update = False

    def add(self, stream_id: int, answer: Answer, request_id: bytes) -> None:
        """Put an answer behind what was added before."""
        head, body = answer.head, answer.body
        stream = stream_id.to_bytes(4, "big")
        start, block = head.indexed if self._is_primed else self._first_form(head)
        windows = self._windows
        if windows.fits(len(body)):
            windows.connection -= len(body)
            windows.forget(stream_id)
            self._pieces += (start, stream, block, request_id, head.whole_data, stream, body)
        else:
            self._pieces += (start, stream, block, request_id)
            windows.hold(stream_id, body)
            self._pieces.append(windows.pump())

    def _first_form(self, head: Head) -> Http2Head:
        if self._owes_table_update:
            self._owes_table_update = False
            return headers_frame(TABLE_TO_ZERO + head.literal.block)
        if not self._may_index:
            return head.literal
        self._is_primed = head.priming is not head.literal
        return head.priming

    def take(self) -> bytes:
        """Everything added since the last time."""
        frames = b"".join(self._pieces)
        self._pieces.clear()
        return frames

    def set(self, name: int, value: int) -> None:
        """Take one of the peer's settings.

        Raises:
            PeerError: the initial window would exceed the largest there is.
        """
        if name == h2.INITIAL_WINDOW_SIZE:
            if value > h2.MAX_WINDOW:
                raise PeerError(h2.FLOW_CONTROL_ERROR, "a window larger than the largest")
            self._windows.initial = value
        elif name == h2.HEADER_TABLE_SIZE and value < _TABLE_BYTES and self._may_index:
            self._may_index = False
            self._is_primed = False
            self._owes_table_update = True

    def widen(self, stream_id: int, increment: int) -> bytes:
        """Take a WINDOW_UPDATE and return the frames it lets through; see ``SendWindows.widen``."""
        self._windows.widen(stream_id, increment)
        return self.pump()

    def pump(self) -> bytes:
        """The DATA frames that have become possible."""
        return self._windows.pump()

    def is_held(self, stream_id: int) -> bool:
        """Whether part of this stream's body still waits for room."""
        return self._windows.is_held(stream_id)

    def forget(self, stream_id: int) -> None:
        """Drop what is still held for a stream that was reset."""
        self._windows.forget(stream_id)
