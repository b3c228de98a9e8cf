"""Cut an import's file into chunks, and write down which of its rows cannot be registered.

A file is read to its end before anything of it is sent: one that cannot be read as a whole changes nothing. After that
every step may be done again from the start: the same file gives the same chunks and the same errors.
"""

import gzip
import logging
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BufferedReader, TextIOWrapper
from itertools import islice
from typing import Final, TextIO, cast

from yomawari.domain.imports import ImportKey, RowError, import_key
from yomawari.domain.registrations import CHUNK_ROWS, bodies_of
from yomawari.domain.rows import SeekerRow, UnreadableError, check, rows_of
from yomawari.messages.s3 import ObjectCreated
from yomawari.usecases.conclude_import import ConcludeImport
from yomawari.usecases.import_ports import Claims, FileGone, Files, ImportStore, OpenClaims, StoredFile
from yomawari.usecases.ports import Outbox, Outgoing, Refused

log = logging.getLogger(__name__)

_ENCODINGS: Final = {"ndjson": ("utf-8-sig",), "csv": ("utf-8-sig", "cp932")}
"""Tried in this order. JSON is UTF-8; Excel in Japan writes CP932, unless asked for UTF-8. A file whose first megabytes
are ASCII is both so far, so the whole of it decides."""

_ENCODING_NAMES: Final = {"ndjson": "UTF-8", "csv": "UTF-8 or Shift_JIS (CP932)"}
_BUFFER_BYTES: Final = 256 * 1024
_CHUNKS_PER_SEND: Final = 10


@dataclass(frozen=True, slots=True)
class Split:
    """What one split sent, in rows; all zero when the file had been cut before, `reason` when it cannot be read."""

    rows: int = 0
    rejected: int = 0
    chunks: int = 0
    reason: str | None = None


class SplitImport:
    """The use case behind split_import; `clock` gives the time with its offset."""

    def __init__(  # noqa: PLR0913, PLR0917 - one argument per port
        self,
        files: Files,
        open_claims: OpenClaims,
        store: ImportStore,
        outbox: Outbox,
        conclude: ConcludeImport,
        clock: Callable[[], datetime],
    ) -> None:
        self._files = files
        self._open_claims = open_claims
        self._store = store
        self._outbox = outbox
        self._conclude = conclude
        self._clock = clock

    def __call__(self, created: ObjectCreated) -> Split | Refused:
        """Cut the file that was put; memory stays flat at any size.

        Raises:
            Unavailable: something outside is away; call again to begin anew.
        """
        place, etag = created.detail.object, created.detail.object.etag.strip('"')
        key = import_key(place.key)
        if key is None:
            return Refused("the key is not imports/<tenant>/<import>.{ndjson,csv}[.gz]")
        begun = self._store.begin(key, etag, self._clock())
        if isinstance(begun, Refused):
            return begun
        file = StoredFile(created.detail.bucket.name, place.key, etag, place.version_id)
        split = self._split(key, file) if begun else Split()
        self._conclude(key.import_id)
        return split

    def _split(self, key: ImportKey, file: StoredFile) -> Split:
        try:
            encoding = self._encoding(key, file)
            with self._text(key, file, encoding) as text, self._open_claims() as claims:
                split = self._cut(key, text, claims)
        except UnreadableError as error:
            self._store.reject(key.import_id, str(error), self._clock())
            return Split(reason=str(error))
        self._store.all_sent(key.import_id, split.rows, split.chunks, split.rejected)
        return split

    def _encoding(self, key: ImportKey, file: StoredFile) -> str:
        """The first encoding in which all of the file can be read.

        Raises:
            UnreadableError: there is none, or it is not of the format that its name says.
        """
        for encoding in _ENCODINGS[key.file_format]:
            try:
                with self._text(key, file, encoding) as text:
                    check(text, key.file_format)
            except UnicodeDecodeError:
                continue
            return encoding
        raise UnreadableError(f"the text is not {_ENCODING_NAMES[key.file_format]}")

    @contextmanager
    def _text(self, key: ImportKey, file: StoredFile, encoding: str) -> Iterator[TextIO]:
        """The file as text, with its line ends as they are; what is wrong with its gzip is told in our own words."""
        with ExitStack() as opened:
            raw = self._files.open(file)
            if isinstance(raw, FileGone):
                raise UnreadableError("the file is not there any more")
            opened.callback(raw.close)
            content = gzip.GzipFile(fileobj=raw) if key.is_gzip else raw
            buffered = opened.enter_context(BufferedReader(cast("BufferedReader", content), _BUFFER_BYTES))
            try:
                yield TextIOWrapper(buffered, encoding, newline="")
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                what = "is cut off" if isinstance(error, EOFError) else "is damaged"
                raise UnreadableError(f"the gzip file {what}") from error

    def _cut(self, key: ImportKey, text: TextIO, claims: Claims) -> Split:
        rows = rows_of(text, key.file_format)
        read = rejected = chunks = 0
        waiting: list[Outgoing] = []
        while block := list(islice(rows, CHUNK_ROWS)):
            good, errors = _sifted(block, claims)
            if errors:
                self._store.note_errors(key.import_id, errors)
            bodies = bodies_of(key.import_id, key.tenant_id, chunks, good) if good else []
            waiting += [Outgoing(body, group=str(key.tenant_id)) for body in bodies]
            if len(waiting) >= _CHUNKS_PER_SEND:
                self._outbox.send(waiting)
                waiting = []
            read, rejected, chunks = read + len(block), rejected + len(errors), chunks + len(bodies)
        if waiting:
            self._outbox.send(waiting)
        return Split(read, rejected, chunks)


def _sifted(block: Sequence[SeekerRow | RowError], claims: Claims) -> tuple[list[SeekerRow], list[RowError]]:
    """Good rows, and errors by line."""
    shapeless = [row for row in block if isinstance(row, RowError)]
    good, repeated = claims.take([row for row in block if isinstance(row, SeekerRow)])
    return good, sorted([*shapeless, *repeated], key=lambda error: error.line)
