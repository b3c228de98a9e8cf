"""Import files to split, and a splitter between fakes."""

import gzip
import json
from collections.abc import Iterable, Mapping

from tests.support.imports import NOON, Imports
from yomawari.adapters.claims import open_claims
from yomawari.adapters.events_fake import EventBusFake
from yomawari.adapters.s3_fake import FilesFake
from yomawari.adapters.sqs_fake import QueueFake
from yomawari.messages import Malformed, RegistrationChunk, RegistrationRow, read
from yomawari.usecases.conclude_import import ConcludeImport
from yomawari.usecases.import_ports import OpenClaims
from yomawari.usecases.ports import Refused
from yomawari.usecases.register_seekers import RegisterSeekers
from yomawari.usecases.split_import import Split, SplitImport


def ndjson_of(rows: Iterable[Mapping[str, object]]) -> bytes:
    """Rows as NDJSON."""
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()


class Importing:
    """The two use cases on stores of either kind, with the queue, the bus and the bucket in memory."""

    def __init__(self, imports: Imports, claims: OpenClaims = open_claims) -> None:
        self.imports = imports
        self.files = FilesFake()
        self.queue = QueueFake()
        self.bus = EventBusFake()
        conclude = ConcludeImport(imports.ends, self.bus, lambda: NOON)
        self._split = SplitImport(self.files, claims, imports.imports, self.queue, conclude, lambda: NOON)
        self._register = RegisterSeekers(imports.registrations, conclude, lambda: NOON)

    def split(self, content: bytes, key: str = "imports/1/first.ndjson") -> Split | Refused:
        """Put a file there and cut it."""
        content = gzip.compress(content, mtime=0) if key.endswith(".gz") else content
        return self._split(self.files.put(key, content))

    def chunks(self) -> list[RegistrationChunk]:
        """What is on the queue, read as the registrar reads it."""
        chunks = [read(RegistrationChunk, message.body) for message in self.queue.sent]
        return [chunk for chunk in chunks if not isinstance(chunk, Malformed)]

    def rows(self) -> list[RegistrationRow]:
        """All rows on the queue."""
        return [row for chunk in self.chunks() for row in chunk.rows]

    def register(self, chunks: Iterable[RegistrationChunk] | None = None) -> None:
        """Register chunks, or all that are on the queue in their order."""
        for chunk in self.chunks() if chunks is None else chunks:
            self._register(chunk)
