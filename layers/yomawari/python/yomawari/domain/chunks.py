"""How a tenant's job seekers are cut into chunks, and when each chunk turns visible. Pure.

The bodies are built by hand, because 2,000,000 pydantic objects would take longer than everything else the dispatcher
does; a test holds them against the model FriendCheckChunk.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

CHUNK_SEEKERS: Final = 1_000
CHUNK_BYTES: Final = 64 * 1024
"""What SQS bills as one request."""

MAX_DELAY_S: Final = 900
"""What SQS allows."""

_FRAME_BYTES: Final = 256
"""More than a body holds beside its job seekers."""

Seeker = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Chunk:
    """One message's worth of job seekers: its body, how many they are, and how long the queue hides it."""

    body: str
    seekers: int
    delay_s: int


def chunks_of(
    run_id: int, tenant_id: int, seekers: Iterable[Seeker], rate_per_s: int | None, default_rate_per_s: int
) -> Iterator[Chunk]:
    """Cut one tenant's job seekers into chunks of at most 1,000 and 64 KB, lazily.

    A chunk's delay is the time its channel needs for the ones before it, so no worker is paid to wait.

    A channel's own rate travels in its chunks; where `rate_per_s` is None the workers know the default.
    """
    ahead = 0
    for number, (encoded, count) in enumerate(_encoded(seekers)):
        frame = {
            "version": 1,
            "kind": "friend_check_chunk",
            "run_id": run_id,
            "tenant_id": tenant_id,
            "chunk": number,
            "attempt": 1,
            "rate_per_s": rate_per_s,
        }
        body = f'{json.dumps(frame, separators=(",", ":"))[:-1]},"seekers":{encoded}}}'
        yield Chunk(body, count, min(MAX_DELAY_S, ahead // (rate_per_s or default_rate_per_s)))
        ahead += count


def _encoded(seekers: Iterable[Seeker]) -> Iterator[tuple[str, int]]:
    rest = iter(seekers)
    while block := list(islice(rest, CHUNK_SEEKERS)):
        yield from _fitting(block)


def _fitting(block: list[Seeker]) -> Iterator[tuple[str, int]]:
    """A thousand ordinary ids take 46 KB; only overlong ones ever have to be halved."""
    encoded = json.dumps(block, separators=(",", ":"))
    if len(encoded) + _FRAME_BYTES <= CHUNK_BYTES:
        yield encoded, len(block)
    else:
        half = len(block) // 2
        yield from _fitting(block[:half])
        yield from _fitting(block[half:])
