"""Request header blocks of one HTTP/2 connection, decoded by the hpack library or, far oftener, recognised.

Requests of one client differ in their path and little else: a block is a known beginning, the path, and a known end.
The library needs 36 µs for such a block, more than everything else about a call together; recognising it needs 3.
This is only done while it is certain: beginnings and ends are forgotten whenever the dynamic table changes.
"""

from typing import Final, NamedTuple

from hpack import Decoder

from tools.line_double.huffman import decode_huffman
from tools.line_double.request import Headers

_PATH_NAME_INDEXES: Final = (4, 5)
_MOST_ENDS: Final = 1024


class Fields(NamedTuple):
    """What a header block says."""

    method: str
    path: str
    headers: Headers


class HeaderBlocks:
    """The decoding side of one connection's header compression."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._beginning = b""
        self._ends: dict[bytes, tuple[str, Headers]] = {}

    def read(self, block: bytes) -> Fields:
        """Decode one complete block; blocks must come in the order of the wire.

        Raises:
            HPACKError: the compression is broken, and with it the connection.
            ValueError: the block is decoded, but is not a request's.
        """
        beginning = self._beginning
        start = len(beginning) + 1
        if beginning and block.startswith(beginning) and len(block) >= start:
            size = block[start - 1]
            stop = start + (size & 0x7F)
            known = self._ends.get(block[stop:])
            if known is not None and size & 0x7F != 0x7F:  # 0x7F: the length goes on in further bytes
                path = block[start:stop]
                return Fields(known[0], (decode_huffman(path) if size & 0x80 else path).decode("ascii"), known[1])
        return self._decode(block)

    def skip(self, block: bytes) -> None:
        """Decode a block for the sake of the compression's state only (trailers).

        Raises:
            HPACKError: the compression is broken, and with it the connection.
        """
        self._decoder.decode(block, raw=True)
        self._beginning = b""

    def _decode(self, block: bytes) -> Fields:
        decoded = self._decoder.decode(block, raw=True)
        fields = [(bytes(name).decode("ascii"), bytes(value).decode("latin-1")) for name, value in decoded]
        place = _place_of_path(block)
        if place is None:
            self._beginning = b""
        named = dict(fields)
        if ":method" not in named or ":path" not in named:
            raise ValueError("a request without :method or :path")
        headers = Headers((name, value) for name, value in fields if not name.startswith(":"))
        if place is not None:
            self._learn(block, place, named[":method"], headers)
        return Fields(named[":method"], named[":path"], headers)

    def _learn(self, block: bytes, place: int, method: str, headers: Headers) -> None:
        size = block[place] & 0x7F
        if size == 0x7F:
            return
        if self._beginning != block[:place] or len(self._ends) >= _MOST_ENDS:
            self._beginning = block[:place]
            self._ends.clear()
        self._ends[block[place + 1 + size :]] = (method, headers)


def _place_of_path(block: bytes) -> int | None:
    """Where the length of a literal :path stands in a well-formed block; None if the block changes the table.

    Also None when the path is not a literal with a name of the static table.
    """
    at, place = 0, None
    while at < len(block):
        first = block[at]
        if first & 0x80:
            _, at = _integer(block, at, 7)
            continue
        if first & 0x60:
            return None
        name_index, at = _integer(block, at, 4)
        if name_index in _PATH_NAME_INDEXES:
            place = at
        if name_index == 0:
            size, at = _integer(block, at, 7)
            at += size
        size, at = _integer(block, at, 7)
        at += size
    return place


def _integer(block: bytes, at: int, prefix_bits: int) -> tuple[int, int]:
    """An integer in prefix coding and the place after it; the block was decoded before, so it is known to be whole."""
    limit = (1 << prefix_bits) - 1
    value = block[at] & limit
    at += 1
    if value < limit:
        return value, at
    shift = 0
    while True:
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
