"""How the good rows of an import are cut into chunks. Pure.

The bodies are built by hand, as in domain/chunks.py and for the same reason; a test holds them against the model
RegistrationChunk.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Final

from yomawari.domain.rows import SeekerRow

CHUNK_ROWS: Final = 500
CHUNK_BYTES: Final = 64 * 1024
"""What SQS bills as one request. Five hundred usual rows take 40 KB."""

_FRAME_BYTES: Final = 256


def bodies_of(import_id: str, tenant_id: int, first_chunk: int, rows: Sequence[SeekerRow]) -> list[str]:
    """Cut at most 500 rows into bodies of at most 64 KB; their chunks are numbered from `first_chunk` on.

    The same rows give the same chunks each time: a split that died is begun anew, and what was registered before must
    be known again by its number.
    """
    frame = {"version": 1, "kind": "registration_chunk", "import_id": import_id, "tenant_id": tenant_id}
    return [
        f'{_json(frame | {"chunk": first_chunk + number})[:-1]},"rows":{encoded}}}'
        for number, encoded in enumerate(_fitting(rows))
    ]


def _fitting(rows: Sequence[SeekerRow]) -> Iterator[str]:
    encoded = _json(rows)
    if len(encoded) + _FRAME_BYTES <= CHUNK_BYTES:
        yield encoded
    else:
        half = len(rows) // 2
        yield from _fitting(rows[:half])
        yield from _fitting(rows[half:])


def _json(value: object) -> str:
    """In ASCII, because SQS refuses some characters of Unicode that a key may have."""
    return json.dumps(value, separators=(",", ":"))
