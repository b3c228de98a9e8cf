import json
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.line_double import FRIEND, STRANGER, Desk, RawHttp2
from tools.line_double import http2_frames as h2
from tools.line_double.answers import Answer
from tools.line_double.faults import Faults
from tools.line_double.protocol_http2 import MAX_STREAMS, Http2Connection

PROFILE = "/v2/bot/profile/"


class Client(Desk, RawHttp2):
    """A desk with one HTTP/2 connection at it, past the exchange of settings."""

    def __init__(self) -> None:
        Desk.__init__(self)
        RawHttp2.__init__(self)
        self.connection = Http2Connection(self.transport, self.reception)  # type: ignore[arg-type]
        self.first_frames = self.read(self.transport.take())

    def send(self, *frames: bytes) -> list[tuple[int, int, int, Any]]:
        """Send these frames and return those that were written at once."""
        self.connection.receive(b"".join(frames))
        return self.read(self.transport.take())

    def due(self) -> list[tuple[int, int, int, Any]]:
        """The frames of all answers that waited."""
        self.wheel.turn()
        return self.read(self.transport.take())

    def goaway_code(self, *frames: bytes) -> int:
        """The code of the GOAWAY that these frames provoke."""
        kind, _, stream_id, payload = self.send(*frames)[-1]
        assert (kind, stream_id) == (h2.GOAWAY, 0)
        assert self.transport.is_closed
        return int.from_bytes(payload[4:8], "big")


def bodies(frames: list[tuple[int, int, int, Any]]) -> dict[int, bytes]:
    read: dict[int, bytes] = {}
    for kind, _, stream_id, payload in frames:
        if kind == h2.DATA:
            read[stream_id] = read.get(stream_id, b"") + payload
    return read


def statuses(frames: list[tuple[int, int, int, Any]]) -> dict[int, str]:
    return {stream_id: payload[":status"] for kind, _, stream_id, payload in frames if kind == h2.HEADERS}


def test_it_begins_with_settings_that_allow_128_streams() -> None:
    [(kind, flags, stream_id, payload)] = Client().first_frames
    assert (kind, flags, stream_id) == (h2.SETTINGS, 0, 0)
    assert dict(h2.SETTING.iter_unpack(payload))[h2.MAX_CONCURRENT_STREAMS] == 128


def test_answers_of_one_tick_come_together_and_decode_in_order() -> None:
    client = Client()
    client.send(client.get(1, PROFILE + FRIEND), client.get(3, PROFILE + STRANGER), client.get(5, PROFILE + "Ubad"))
    frames = client.due()
    assert statuses(frames) == {1: "200", 3: "404", 5: "400"}
    assert json.loads(bodies(frames)[1])["userId"] == FRIEND
    assert all(payload["server"] == "legy" for kind, _, _, payload in frames if kind == h2.HEADERS)
    assert all(flags == h2.END_STREAM for kind, flags, _, _ in frames if kind == h2.DATA)


@given(st.data())
def test_any_fragmentation_padding_and_continuation_is_the_same_request(data: st.DataObject) -> None:
    client = Client()
    block = client.block(PROFILE + FRIEND)
    flags, payload = h2.END_STREAM, block
    if data.draw(st.booleans()):
        flags |= h2.PRIORITY_FLAG
        payload = b"\x00\x00\x00\x00\x10" + payload
    parts = sorted(data.draw(st.sets(st.integers(0, len(payload)), max_size=3)))
    pieces = [payload[start:stop] for start, stop in zip([0, *parts], [*parts, len(payload)], strict=True)]
    if flags & h2.PRIORITY_FLAG and len(pieces[0]) < 5:
        pieces = [payload]
    if data.draw(st.booleans()):
        padding = data.draw(st.integers(0, 30))
        flags |= h2.PADDED
        pieces[0] = bytes([padding]) + pieces[0] + bytes(padding)
    ends = [h2.END_HEADERS if number == len(pieces) - 1 else 0 for number in range(len(pieces))]
    stream = h2.frame(h2.HEADERS, flags | ends[0], 1, pieces[0])
    for end, piece in zip(ends[1:], pieces[1:], strict=True):
        stream += h2.frame(h2.CONTINUATION, end, 1, piece)
    size = data.draw(st.integers(1, len(stream)))
    for start in range(0, len(stream), size):
        client.connection.receive(stream[start : start + size])
    assert statuses(client.due()) == {1: "200"}


def test_a_body_comes_in_data_frames_and_its_room_is_given_back() -> None:
    client = Client()
    body = json.dumps({"faults": {"forbidden": True}}).encode()
    head = h2.frame(h2.HEADERS, h2.END_HEADERS, 1, client.block("/_double/faults", method="PUT"))
    padded = h2.frame(h2.DATA, h2.PADDED, 1, b"\x03" + body[:9] + bytes(3))
    answered = client.send(head, padded, h2.frame(h2.DATA, h2.END_STREAM, 1, body[9:]))
    given_back = sum(int.from_bytes(payload, "big") for kind, _, stream, payload in answered if stream == 0)
    assert given_back == len(body) + 4
    assert (h2.WINDOW_UPDATE, 0, 1, (13).to_bytes(4, "big")) in answered
    assert statuses(client.due()) == {1: "200"}
    assert client.double.channel("7").troubles.faults.forbidden


def test_trailers_end_a_request() -> None:
    client = Client()
    client.send(h2.frame(h2.HEADERS, h2.END_HEADERS, 1, client.block("/_double/reset", method="POST")))
    trailers = bytes(client.encoder.encode([("x-checksum", "1")]))
    client.send(h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, trailers))
    client.send(client.get(3, PROFILE + FRIEND))
    assert statuses(client.due()) == {1: "200", 3: "200"}


def test_the_129th_stream_is_refused_and_its_headers_still_count_for_the_compression() -> None:
    client = Client()
    numbers = count(1, 2)
    for _ in range(MAX_STREAMS):
        assert client.send(client.get(next(numbers), PROFILE + FRIEND)) == []
    refused = next(numbers)
    [(kind, _, stream_id, payload)] = client.send(client.get(refused, PROFILE + FRIEND, x_new="header"))
    assert (kind, stream_id, int.from_bytes(payload, "big")) == (h2.RST_STREAM, refused, h2.REFUSED_STREAM)
    assert len(statuses(client.due())) == MAX_STREAMS
    later = next(numbers)
    client.send(client.get(later, PROFILE + STRANGER, x_new="header"))
    assert statuses(client.due()) == {later: "404"}


def test_a_stream_the_client_gave_up_gets_no_answer_and_frees_its_place() -> None:
    client = Client()
    client.send(client.get(1, PROFILE + FRIEND), client.get(3, PROFILE + FRIEND), h2.reset_frame(1, 8))
    assert statuses(client.due()) == {3: "200"}


def test_a_cut_resets_one_stream_and_a_cut_connection_all() -> None:
    client = Client()
    client.double.set_faults(Faults(cut_share=1), None)
    client.send(client.get(1, PROFILE + FRIEND))
    client.double.set_faults(Faults(), None)
    client.send(client.get(3, PROFILE + FRIEND))
    frames = client.due()
    assert [stream for kind, _, stream, _ in frames if kind == h2.RST_STREAM] == [1]
    assert statuses(frames) == {3: "200"}
    client.double.set_faults(Faults(cut_connection_share=1), None)
    client.send(client.get(5, PROFILE + FRIEND))
    client.wheel.turn()
    assert client.transport.is_aborted


def test_ping_and_settings_are_acknowledged_and_priority_and_unknown_frames_passed_over() -> None:
    client = Client()
    answered = client.send(
        h2.settings_frame({h2.INITIAL_WINDOW_SIZE: 100_000, 0x9: 1}),
        h2.frame(h2.SETTINGS, h2.ACK, 0, b""),
        h2.frame(h2.PING, 0, 0, b"12345678"),
        h2.frame(h2.PING, h2.ACK, 0, b"12345678"),
        h2.frame(h2.PRIORITY, 0, 3, bytes(5)),
        h2.frame(0xBE, 0xFF, 7, b"grease"),
        h2.goaway_frame(0, h2.NO_ERROR, ""),
    )
    assert answered == [(h2.SETTINGS, h2.ACK, 0, b""), (h2.PING, h2.ACK, 0, b"12345678")]


def test_bodies_wait_for_the_windows_and_arrive_whole() -> None:
    client = Client()
    client.send(h2.settings_frame({h2.INITIAL_WINDOW_SIZE: 30}))
    client.send(client.get(1, PROFILE + FRIEND))
    held = client.due()
    assert statuses(held) == {1: "200"}
    assert [(flags, len(payload)) for kind, flags, _, payload in held if kind == h2.DATA] == [(0, 30)]
    more = client.send(h2.window_frame(1, 40)) + client.send(h2.settings_frame({h2.INITIAL_WINDOW_SIZE: 1000}))
    assert json.loads(bodies(held + more)[1])["userId"] == FRIEND
    assert more[-1][1] == h2.END_STREAM
    assert client.send(h2.window_frame(1, 40)) == []


@given(st.lists(st.integers(0, 60_000), min_size=1, max_size=5), st.integers(5_000, 40_000))
def test_large_bodies_are_cut_into_frames_that_never_overrun_the_connection(sizes: list[int], step: int) -> None:
    client = Client()
    client.send(h2.settings_frame({h2.INITIAL_WINDOW_SIZE: h2.MAX_WINDOW}))
    stream_ids = range(1, 2 * len(sizes), 2)
    client.send(*(client.get(stream_id, PROFILE + FRIEND) for stream_id in stream_ids))
    client.connection.flush([(one, Answer(200, bytes(size))) for one, size in zip(stream_ids, sizes, strict=True)])
    room = h2.DEFAULT_WINDOW
    sent: list[tuple[int, int, int, Any]] = []
    while True:
        frames = client.read(client.transport.take())
        sent += frames
        assert sum(len(payload) for kind, _, _, payload in sent if kind == h2.DATA) <= room
        if sum(flags & h2.END_STREAM for kind, flags, _, _ in sent if kind == h2.DATA) == len(sizes):
            break
        room += step
        client.connection.receive(h2.window_frame(0, step))
    assert [len(body) for _, body in sorted(bodies(sent).items())] == sizes
    assert max(len(payload) for kind, _, _, payload in sent if kind == h2.DATA) <= h2.MAX_FRAME_BYTES


@pytest.mark.parametrize("first", [True, False])
def test_a_client_that_allows_no_table_gets_headers_without_one(first: bool) -> None:
    client = Client()
    if not first:
        client.send(client.get(1, PROFILE + FRIEND))
        assert statuses(client.due()) == {1: "200"}
    client.send(h2.settings_frame({h2.HEADER_TABLE_SIZE: 0}))
    client._decoder.max_allowed_table_size = 0
    for stream_id in (3, 5):
        client.send(client.get(stream_id, PROFILE + STRANGER))
        assert statuses(client.due()) == {stream_id: "404"}


def test_taking_leave_is_said() -> None:
    client = Client()
    client.send(client.get(1, PROFILE + FRIEND))
    client.connection.close()
    [(kind, _, _, payload)] = client.read(client.transport.take())
    assert (kind, payload[:8]) == (h2.GOAWAY, (1).to_bytes(4, "big") + bytes(4))
    assert client.wheel.turn() == 1
    assert client.transport.take() == b""


HEAD = h2.END_HEADERS | h2.END_STREAM


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([h2.frame(h2.HEADERS, HEAD, 1, b"\xff\xff\xff\xff\xff")], h2.COMPRESSION_ERROR),
        ([h2.frame(h2.HEADERS, HEAD, 2, b"\x82")], h2.PROTOCOL_ERROR),
        ([h2.frame(h2.HEADERS, HEAD, 0, b"\x82")], h2.PROTOCOL_ERROR),
        ([h2.frame(h2.HEADERS, HEAD | h2.PADDED, 1, b"\x09\x82")], h2.PROTOCOL_ERROR),
        ([h2.frame(h2.HEADERS, HEAD | h2.PRIORITY_FLAG, 1, b"\x82")], h2.FRAME_SIZE_ERROR),
        ([h2.frame(h2.HEADERS, 0, 1, b"\x82"), h2.frame(h2.PING, 0, 0, bytes(8))], h2.PROTOCOL_ERROR),
        ([h2.frame(h2.HEADERS, 0, 1, b""), h2.frame(h2.CONTINUATION, 4, 3, b"")], h2.PROTOCOL_ERROR),
        ([h2.frame(h2.CONTINUATION, 4, 1, b"\x82")], h2.PROTOCOL_ERROR),
        ([h2.frame(h2.DATA, 0, 1, b"x")], h2.PROTOCOL_ERROR),
        ([h2.frame(h2.RST_STREAM, 0, 1, bytes(4))], h2.PROTOCOL_ERROR),
        ([h2.frame(h2.RST_STREAM, 0, 1, bytes(3))], h2.FRAME_SIZE_ERROR),
        ([h2.frame(h2.SETTINGS, 0, 0, bytes(5))], h2.FRAME_SIZE_ERROR),
        ([h2.frame(h2.SETTINGS, 0, 1, b"")], h2.PROTOCOL_ERROR),
        ([h2.settings_frame({h2.INITIAL_WINDOW_SIZE: 2**31})], h2.FLOW_CONTROL_ERROR),
        ([h2.frame(h2.PING, 0, 0, b"short")], h2.FRAME_SIZE_ERROR),
        ([h2.frame(h2.PING, 0, 1, bytes(8))], h2.PROTOCOL_ERROR),
        ([h2.window_frame(0, 0)], h2.PROTOCOL_ERROR),
        ([h2.window_frame(0, h2.MAX_WINDOW)], h2.FLOW_CONTROL_ERROR),
        ([h2.frame(h2.WINDOW_UPDATE, 0, 0, b"")], h2.FRAME_SIZE_ERROR),
        ([h2.frame(h2.PUSH_PROMISE, 0, 1, b"")], h2.PROTOCOL_ERROR),
        ([h2.FRAME_HEAD.pack(0x40, 1, 0, 0, 1)], h2.FRAME_SIZE_ERROR),
        ([h2.frame(h2.HEADERS, 0, 1, bytes(16_000)), *[h2.frame(9, 0, 1, bytes(16_000))] * 5], h2.ENHANCE_YOUR_CALM),
    ],
)
def test_a_breach_of_the_protocol_ends_the_connection_with_its_code(frames: list[bytes], code: int) -> None:
    assert Client().goaway_code(*frames) == code


def test_a_stream_number_is_used_once() -> None:
    client = Client()
    client.send(client.get(3, PROFILE + FRIEND))
    client.due()
    assert client.goaway_code(client.get(1, PROFILE + FRIEND)) == h2.PROTOCOL_ERROR


def test_a_block_that_is_no_request_resets_its_stream_only() -> None:
    client = Client()
    block = bytes(client.encoder.encode([(":method", "GET")]))
    [(kind, _, stream_id, _)] = client.send(h2.frame(h2.HEADERS, HEAD, 1, block))
    assert (kind, stream_id) == (h2.RST_STREAM, 1)
    client.send(client.get(3, PROFILE + FRIEND))
    assert statuses(client.due()) == {3: "200"}
