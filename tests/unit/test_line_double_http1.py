import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.line_double import FRIEND, STRANGER, TOKEN, Desk
from tools.line_double.faults import Faults
from tools.line_double.protocol_http1 import Http1Connection


class Client(Desk):
    """A desk with one HTTP/1.1 connection at it."""

    def __init__(self) -> None:
        super().__init__()
        self.connection = Http1Connection(self.transport, self.reception)  # type: ignore[arg-type]

    def answers(self) -> list[tuple[int, bytes]]:
        """(status, body) of every answer written so far, which are turned out first."""
        while self.wheel.turn():
            pass
        written, read = self.transport.take(), []
        while written:
            head, _, written = written.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            read.append((int(head.split(b" ")[1]), written[:length]))
            written = written[length:]
        return read


def get(line_user_id: str, *lines: str) -> bytes:
    head = [f"GET /v2/bot/profile/{line_user_id} HTTP/1.1", "Host: line", f"Authorization: Bearer {TOKEN}", *lines]
    return "\r\n".join([*head, "", ""]).encode()


def order(path: str, body: bytes, *lines: str) -> bytes:
    return "\r\n".join([f"PUT /_double/{path} HTTP/1.1", "Host: line", *lines, "", ""]).encode() + body


def test_an_answer_carries_the_headers_line_was_seen_to_send() -> None:
    client = Client()
    client.connection.receive(get(STRANGER))
    client.wheel.turn()
    head, _, body = client.transport.take().decode().partition("\r\n\r\n")
    status_line, *lines = head.split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert status_line == "HTTP/1.1 404 Not Found"
    assert json.loads(body) == {"message": "Not found"}
    assert headers.pop("x-line-request-id") == "00000001-0000-4000-8000-000000000001"
    assert headers == {
        "server": "legy",
        "cache-control": "no-cache, no-store, max-age=0, must-revalidate",
        "content-type": "application/json",
        "content-length": "23",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "x-xss-protection": "1; mode=block",
    }


@given(st.lists(st.sampled_from([FRIEND, STRANGER, "Ubad"]), min_size=1, max_size=6), st.data())
def test_pipelined_requests_in_any_pieces_are_answered_in_their_order(
    line_user_ids: list[str], data: st.DataObject
) -> None:
    client = Client()
    stream = b"".join(get(line_user_id) for line_user_id in line_user_ids)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream) - 1), max_size=12)))
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        client.connection.receive(stream[start:stop])
    expected = {FRIEND: 200, STRANGER: 404, "Ubad": 400}
    assert [status for status, _ in client.answers()] == [expected[line_user_id] for line_user_id in line_user_ids]


def test_byte_by_byte_is_the_same_request() -> None:
    client = Client()
    for byte in get(FRIEND):
        client.connection.receive(bytes([byte]))
    [(status, body)] = client.answers()
    assert status == 200
    assert json.loads(body)["userId"] == FRIEND


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_may_come_with_its_length_or_in_chunks(chunked: bool) -> None:
    client = Client()
    body = json.dumps({"faults": {"forbidden": True}}).encode()
    if chunked:
        coded = b"5\r\n" + body[:5] + b"\r\n" + f"{len(body) - 5:x};note\r\n".encode() + body[5:] + b"\r\n0\r\n\r\n"
        sent = order("faults", coded, "Transfer-Encoding: chunked")
    else:
        sent = order("faults", body, f"Content-Length: {len(body)}")
    for start in range(0, len(sent), 7):
        client.connection.receive(sent[start : start + 7])
    client.connection.receive(get(FRIEND))
    assert [status for status, _ in client.answers()] == [200, 403]


@pytest.mark.parametrize("line", ["Connection: close", "Connection: Close"])
def test_a_client_that_asks_for_the_end_gets_it(line: str) -> None:
    client = Client()
    client.connection.receive(get(FRIEND, line) + get(FRIEND))
    client.wheel.turn()
    assert b"connection: close" in client.transport.take()
    assert client.transport.is_closed
    assert client.double.report()["totals"]["calls"] == 1


@pytest.mark.parametrize(("line_user_id", "closes"), [(FRIEND, False), (STRANGER, True), ("Ubad", True)])
def test_it_can_close_on_4xx(line_user_id: str, closes: bool) -> None:
    client = Client()
    client.double.close_on_4xx = True
    client.connection.receive(get(line_user_id))
    client.wheel.turn()
    assert (b"connection: close" in client.transport.take()) is closes
    assert client.transport.is_closed is closes


@pytest.mark.parametrize("share", ["cut_share", "cut_connection_share"])
def test_a_cut_aborts_the_connection_without_a_byte(share: str) -> None:
    client = Client()
    client.double.set_faults(Faults.model_validate({share: 1}), None)
    client.connection.receive(get(FRIEND))
    client.wheel.turn()
    assert client.transport.is_aborted
    assert client.transport.take() == b""


def test_a_call_that_is_never_answered_blocks_its_connection() -> None:
    client = Client()
    client.double.set_faults(Faults(never_answer_share=1), None)
    client.connection.receive(get(FRIEND) + get(FRIEND))
    assert client.answers() == []
    assert client.double.report()["totals"]["statuses"] == {"never_answer": 1}


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : line\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000,
    ],
)
def test_what_is_no_request_gets_400_and_the_end(sent: bytes) -> None:
    client = Client()
    client.connection.receive(sent)
    assert [status for status, _ in client.answers()] == [400]
    assert client.transport.is_closed
