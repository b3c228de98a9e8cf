"""HTTP/2 (RFC 9113) without TLS and with prior knowledge, for the few things a client of LINE does."""

import asyncio
from typing import Final

from hpack import HPACKError

from tools.line_double import http2_frames as h2
from tools.line_double.answers import Answer, Deed
from tools.line_double.cut import cut
from tools.line_double.header_blocks import Fields, HeaderBlocks
from tools.line_double.http2_frames import PeerError
from tools.line_double.http2_writer import Http2Writer
from tools.line_double.reception import Reception
from tools.line_double.request import MAX_BODY_BYTES, Request
from tools.line_double.wheel import now_us

MAX_STREAMS: Final = 128
_MOST_BLOCK_BYTES: Final = 64 * 1024


class _Upload:
    """A request whose body is still coming in."""

    __slots__ = ("body", "fields")

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self.body = bytearray()


class Http2Connection:
    """One HTTP/2 connection, from behind its preface."""

    def __init__(self, transport: asyncio.Transport, reception: Reception) -> None:
        self._transport = transport
        self._reception = reception
        self._rest = b""
        self._arrived_us = 0
        self._blocks = HeaderBlocks()
        self._writer = Http2Writer()
        self._streams: dict[int, _Upload | None] = {}  # the open ones; None once the request is complete
        self._last_stream_id = 0
        self._open_block: tuple[int, int, bytes] | None = None  # stream, flags and bytes of a block not yet ended
        # No table for the client's headers: Go's client puts every path into it, so that no block is like another and
        # each costs 36 µs (11,900 of its calls per core-second; 25,100 so). nghttp2's pace is the same either way.
        transport.write(h2.settings_frame({h2.HEADER_TABLE_SIZE: 0, h2.MAX_CONCURRENT_STREAMS: MAX_STREAMS}))

    def receive(self, received: bytes) -> None:
        """Take bytes from the socket, in pieces of any size."""
        self._arrived_us = now_us()
        data = self._rest + received if self._rest else received
        try:
            self._rest = self._read_frames(data)
        except PeerError as error:
            self._end(error.code, error.reason)

    def close(self) -> None:
        """Say that no request after the last one is taken on, and close."""
        self._end(h2.NO_ERROR, "the double stops")

    def _end(self, code: int, reason: str) -> None:
        self._streams.clear()
        self._transport.write(h2.goaway_frame(self._last_stream_id, code, reason))
        self._transport.close()

    def _read_frames(self, data: bytes) -> bytes:
        at, end = 0, len(data)
        unpack = h2.FRAME_HEAD.unpack_from
        while end - at >= h2.FRAME_HEAD_BYTES:
            high, low, kind, flags, stream_id = unpack(data, at)
            start = at + h2.FRAME_HEAD_BYTES
            length = high << 8 | low
            if length > h2.MAX_FRAME_BYTES:
                raise PeerError(h2.FRAME_SIZE_ERROR, "a frame longer than allowed")
            if start + length > end:
                break
            at = start + length
            payload = data[start:at]
            stream_id &= h2.STREAM_ID_MASK
            if self._open_block is not None and kind != h2.CONTINUATION:
                raise PeerError(h2.PROTOCOL_ERROR, "a header block was interrupted")
            if kind == h2.HEADERS:
                self._on_headers(flags, stream_id, payload)
            else:
                self._on_other(kind, flags, stream_id, payload)
        return data[at:]

    def _on_other(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if kind == h2.WINDOW_UPDATE:
            self._on_window_update(stream_id, payload)
        elif kind == h2.DATA:
            self._on_data(flags, stream_id, payload)
        elif kind == h2.RST_STREAM:
            self._on_reset(stream_id, payload)
        elif kind == h2.SETTINGS:
            self._on_settings(flags, stream_id, payload)
        elif kind == h2.PING:
            self._on_ping(flags, stream_id, payload)
        elif kind == h2.CONTINUATION:
            self._on_continuation(flags, stream_id, payload)
        elif kind == h2.PUSH_PROMISE:
            raise PeerError(h2.PROTOCOL_ERROR, "a client does not push")
        # PRIORITY is advice; a client's GOAWAY lets what is in flight finish and the client close; others are ignored.

    def _on_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        if flags & h2.PADDED:
            payload = h2.without_padding(flags, payload)
        if flags & h2.PRIORITY_FLAG:
            if len(payload) < 5:
                raise PeerError(h2.FRAME_SIZE_ERROR, "no room for the priority")
            payload = payload[5:]
        if flags & h2.END_HEADERS:
            self._on_block(flags, stream_id, payload)
        else:
            self._open_block = (stream_id, flags, payload)

    def _on_continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        if self._open_block is None or self._open_block[0] != stream_id:
            raise PeerError(h2.PROTOCOL_ERROR, "CONTINUATION of nothing")
        _, first_flags, begun = self._open_block
        block = begun + payload
        if len(block) > _MOST_BLOCK_BYTES:
            raise PeerError(h2.ENHANCE_YOUR_CALM, "a header block without an end")
        self._open_block = (stream_id, first_flags, block)
        if flags & h2.END_HEADERS:
            self._open_block = None
            self._on_block(first_flags, stream_id, block)

    def _on_block(self, flags: int, stream_id: int, block: bytes) -> None:
        try:
            if stream_id in self._streams:
                self._on_trailers(flags, stream_id, block)
            else:
                self._on_request(flags, stream_id, block)
        except HPACKError as error:
            raise PeerError(h2.COMPRESSION_ERROR, "a header block cannot be decoded") from error

    def _on_request(self, flags: int, stream_id: int, block: bytes) -> None:
        if not stream_id & 1 or stream_id <= self._last_stream_id:
            raise PeerError(h2.PROTOCOL_ERROR, "a stream that cannot begin")
        self._last_stream_id = stream_id
        try:
            fields = self._blocks.read(block)
        except ValueError:
            self._transport.write(h2.reset_frame(stream_id, h2.PROTOCOL_ERROR))
            return
        if len(self._streams) >= MAX_STREAMS:
            self._transport.write(h2.reset_frame(stream_id, h2.REFUSED_STREAM))
        elif flags & h2.END_STREAM:
            self._complete(stream_id, fields, b"")
        else:
            self._streams[stream_id] = _Upload(fields)

    def _on_trailers(self, flags: int, stream_id: int, block: bytes) -> None:
        self._blocks.skip(block)
        upload = self._streams[stream_id]
        if upload is None or not flags & h2.END_STREAM:
            raise PeerError(h2.PROTOCOL_ERROR, "headers in the middle of a stream")
        self._complete(stream_id, upload.fields, bytes(upload.body))

    def _complete(self, stream_id: int, fields: Fields, body: bytes) -> None:
        self._streams[stream_id] = None
        method, path, headers = fields
        self._reception.receive(self, stream_id, Request(method, path, headers, body, self._arrived_us))

    def _on_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id == 0 or stream_id > self._last_stream_id:
            raise PeerError(h2.PROTOCOL_ERROR, "DATA of a stream that never began")
        upload = self._streams.get(stream_id)
        if payload:
            self._transport.write(h2.window_frame(0, len(payload)))
        if upload is None:  # reset or refused a moment ago; the client could not know yet
            return
        upload.body += h2.without_padding(flags, payload)
        if len(upload.body) > MAX_BODY_BYTES:
            self._drop(stream_id, h2.ENHANCE_YOUR_CALM)
        elif flags & h2.END_STREAM:
            self._complete(stream_id, upload.fields, bytes(upload.body))
        elif payload:
            self._transport.write(h2.window_frame(stream_id, len(payload)))

    def _drop(self, stream_id: int, code: int) -> None:
        self._streams.pop(stream_id, None)
        self._writer.forget(stream_id)
        self._transport.write(h2.reset_frame(stream_id, code))

    def _on_reset(self, stream_id: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise PeerError(h2.FRAME_SIZE_ERROR, "RST_STREAM is 4 bytes")
        if stream_id == 0 or stream_id > self._last_stream_id:
            raise PeerError(h2.PROTOCOL_ERROR, "RST_STREAM of a stream that never began")
        self._streams.pop(stream_id, None)
        self._writer.forget(stream_id)

    def _on_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id != 0:
            raise PeerError(h2.PROTOCOL_ERROR, "SETTINGS of a stream")
        if len(payload) % 6 or (flags & h2.ACK and payload):
            raise PeerError(h2.FRAME_SIZE_ERROR, "SETTINGS of a wrong length")
        if not flags & h2.ACK:
            for name, value in h2.SETTING.iter_unpack(payload):
                self._writer.set(name, value)
            self._transport.write(h2.frame(h2.SETTINGS, h2.ACK, 0, b"") + self._writer.pump())

    def _on_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id != 0:
            raise PeerError(h2.PROTOCOL_ERROR, "PING of a stream")
        if len(payload) != 8:
            raise PeerError(h2.FRAME_SIZE_ERROR, "PING is 8 bytes")
        if not flags & h2.ACK:
            self._transport.write(h2.frame(h2.PING, h2.ACK, 0, payload))

    def _on_window_update(self, stream_id: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise PeerError(h2.FRAME_SIZE_ERROR, "WINDOW_UPDATE is 4 bytes")
        increment = int.from_bytes(payload, "big") & h2.STREAM_ID_MASK
        if increment == 0:
            raise PeerError(h2.PROTOCOL_ERROR, "WINDOW_UPDATE of nothing")
        if stream_id == 0 or stream_id in self._streams or self._writer.is_held(stream_id):
            frames = self._writer.widen(stream_id, increment)
            if frames:
                self._transport.write(frames)

    def flush(self, due: list[tuple[int, Answer]]) -> None:
        """Write these answers at once; those of streams that the client has given up are dropped."""
        if self._transport.is_closing():
            return
        streams = self._streams
        for stream_id, answer in due:
            if stream_id not in streams:
                continue
            if answer.deed is Deed.SEND:
                del streams[stream_id]
                self._writer.add(stream_id, answer, answer.request_id or self._reception.next_request_id())
            elif answer.deed is Deed.CUT:
                self._drop(stream_id, h2.INTERNAL_ERROR)
            else:
                cut(self._transport)
                return
        self._transport.write(self._writer.take())
