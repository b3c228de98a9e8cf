"""How much the peer lets us send over one HTTP/2 connection, and the bodies that wait for more room."""

from tools.line_double.http2_frames import (
    DATA,
    DEFAULT_WINDOW,
    END_STREAM,
    FLOW_CONTROL_ERROR,
    MAX_FRAME_BYTES,
    MAX_WINDOW,
    PeerError,
    frame,
)


class SendWindows:
    """The peer's windows. A body that fits at once is the caller's to send; all others are held and pumped here."""

    __slots__ = ("_adjustments", "_held", "connection", "initial")

    def __init__(self) -> None:
        self.connection = DEFAULT_WINDOW
        self.initial = DEFAULT_WINDOW
        self._adjustments: dict[int, int] = {}
        self._held: dict[int, bytes] = {}

    def fits(self, size: int) -> bool:
        """Whether a whole body of this many bytes may go out now, as one DATA frame of a stream that sent none yet."""
        return size <= self.connection and size <= self.initial and size <= MAX_FRAME_BYTES

    def hold(self, stream_id: int, body: bytes) -> None:
        """Keep a body until ``pump`` has sent all of it."""
        self._held[stream_id] = body

    def forget(self, stream_id: int) -> None:
        """A stream is over: its window and what was held for it are gone."""
        self._adjustments.pop(stream_id, None)
        self._held.pop(stream_id, None)

    def is_held(self, stream_id: int) -> bool:
        """Whether part of this stream's body still waits."""
        return stream_id in self._held

    def widen(self, stream_id: int, increment: int) -> None:
        """Take a WINDOW_UPDATE for a stream, or for the connection as stream 0.

        Raises:
            PeerError: the window would exceed the largest there is.
        """
        if stream_id == 0:
            self.connection += increment
            window = self.connection
        else:
            self._adjustments[stream_id] = self._adjustments.get(stream_id, 0) + increment
            window = self.initial + self._adjustments[stream_id]
        if window > MAX_WINDOW:
            raise PeerError(FLOW_CONTROL_ERROR, "a window larger than the largest")

    def pump(self) -> bytes:
        """All DATA frames that the windows let through now, stream by stream in the order they were held."""
        frames: list[bytes] = []
        for stream_id in list(self._held):
            frames += self._pump_stream(stream_id)
        return b"".join(frames)

    def _pump_stream(self, stream_id: int) -> list[bytes]:
        body = self._held[stream_id]
        frames: list[bytes] = []
        while True:
            window = self.initial + self._adjustments.get(stream_id, 0)
            size = min(len(body), MAX_FRAME_BYTES, max(0, window), max(0, self.connection))
            if size == 0 and body:
                self._held[stream_id] = body
                return frames
            self.connection -= size
            self._adjustments[stream_id] = self._adjustments.get(stream_id, 0) - size
            is_last = size == len(body)
            frames.append(frame(DATA, END_STREAM if is_last else 0, stream_id, body[:size]))
            if is_last:
                self.forget(stream_id)
                return frames
            body = body[size:]
