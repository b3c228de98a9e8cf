"""Response header blocks (HPACK, RFC 7541), encoded once per head.

Three forms of each head, because a server like LINE's lets constant headers sink into the connection's dynamic table:
*literal* leaves the table alone; *priming*, sent first on a connection, puts the constant headers and the request id's
name into it; *indexed* points at what priming put there. Nothing else ever enters the table, so the positions hold.
"""

from typing import Final, NamedTuple

REQUEST_ID_LENGTH: Final = 36
_REQUEST_ID_NAME: Final = b"x-line-request-id"
_FIRST_DYNAMIC_INDEX: Final = 62
_STATIC_STATUSES: Final = {200: 8, 204: 9, 206: 10, 304: 11, 400: 12, 404: 13, 500: 14}
_STATUS_NAME_INDEX: Final = 8
_CONTENT_LENGTH_NAME_INDEX: Final = 28

TABLE_TO_ZERO: Final = b"\x20"  # dynamic table size update to 0, for a peer that asked for a smaller table


class Http2Head(NamedTuple):
    """A HEADERS frame in pieces: length, type and flags; then (after the stream id) the block up to the request id."""

    start: bytes
    block: bytes


def encode_integer(value: int, prefix_bits: int, pattern: int) -> bytes:
    """An integer in HPACK's prefix coding, the bits above the prefix taken from ``pattern``."""
    limit = (1 << prefix_bits) - 1
    if value < limit:
        return bytes([pattern | value])
    encoded = [pattern | limit]
    value -= limit
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def encode_text(text: bytes) -> bytes:
    """A string literal, not Huffman coded: decoding it costs the client under test less than a real server's would."""
    return encode_integer(len(text), 7, 0) + text


def headers_frame(block: bytes) -> Http2Head:
    """The frame of a block that the request id still follows."""
    length = len(block) + REQUEST_ID_LENGTH
    return Http2Head(length.to_bytes(3, "big") + b"\x01\x04", block)


def encode_heads(
    status: int, length: int, headers: tuple[tuple[str, str], ...], *, shared: bool
) -> tuple[Http2Head, Http2Head, Http2Head]:
    """The literal, priming and indexed forms of a head; a head whose headers are not shared is literal in all three."""
    if status in _STATIC_STATUSES:
        own = encode_integer(_STATIC_STATUSES[status], 7, 0x80)
    else:
        own = encode_integer(_STATUS_NAME_INDEX, 4, 0) + encode_text(str(status).encode())
    own += encode_integer(_CONTENT_LENGTH_NAME_INDEX, 4, 0) + encode_text(str(length).encode())
    fields = [encode_text(name.encode()) + encode_text(value.encode()) for name, value in headers]
    request_id = encode_text(_REQUEST_ID_NAME) + bytes([REQUEST_ID_LENGTH])
    literal = headers_frame(own + b"".join(b"\x00" + field for field in fields) + b"\x00" + request_id)
    if not shared:
        return literal, literal, literal
    priming = headers_frame(own + b"".join(b"\x40" + field for field in fields) + b"\x40" + request_id)
    # The request id was put in last, so its name stands first; the headers follow it, the last one of them first.
    places = [_FIRST_DYNAMIC_INDEX + 1 + place for place in range(len(fields))]
    repeated = b"".join(encode_integer(place, 7, 0x80) for place in places)
    named = encode_integer(_FIRST_DYNAMIC_INDEX, 4, 0) + bytes([REQUEST_ID_LENGTH])
    return literal, priming, headers_frame(own + repeated + named)
