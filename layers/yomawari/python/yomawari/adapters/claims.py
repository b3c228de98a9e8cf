"""Which keys and LINE ids stood earlier in a file: exact, and in memory that does not grow with the file.

SQLite on a file in the temporary directory. A set in memory would need 250 MB for a million rows; a Bloom filter would
be small, and wrong.
"""

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from yomawari.domain.imports import RowError
from yomawari.domain.rows import SeekerRow

# The file is worthless once the split is over, however it ends: nothing of it need survive a crash. 48 MB of cache.
_OPEN: Final = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -48000;
CREATE TABLE keys (external_key TEXT PRIMARY KEY, line INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE line_ids (line_user_id BLOB PRIMARY KEY, line INTEGER NOT NULL) WITHOUT ROWID;
"""
_KEYS: Final = "SELECT external_key, line FROM keys WHERE external_key IN ({})"
_LINE_IDS: Final = "SELECT line_user_id, line FROM line_ids WHERE line_user_id IN ({})"
_CLAIM_KEYS: Final = "INSERT INTO keys VALUES (?, ?)"
_CLAIM_LINE_IDS: Final = "INSERT INTO line_ids VALUES (?, ?)"


@contextmanager
def open_claims() -> Iterator["SqliteClaims"]:
    """The claims of one file, gone with the block."""
    with tempfile.TemporaryDirectory(prefix="claims-") as directory:
        connection = sqlite3.connect(Path(directory) / "claims.sqlite", isolation_level=None)
        with closing(connection):
            connection.executescript(_OPEN)
            connection.execute("BEGIN")
            yield SqliteClaims(connection)


class SqliteClaims:
    """Claims on an open database; a LINE id is kept as its 16 bytes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def take(self, rows: Sequence[SeekerRow]) -> tuple[list[SeekerRow], list[RowError]]:
        """The rows that differ from all before by key and LINE id, and why the others do not: four statements."""
        keys = self._known(_KEYS, [row.external_key for row in rows])
        line_ids = self._known(_LINE_IDS, [_bytes(row.line_user_id) for row in rows if row.line_user_id])
        new_keys: list[tuple[str, int]] = []
        new_line_ids: list[tuple[bytes, int]] = []
        good: list[SeekerRow] = []
        errors: list[RowError] = []
        for row in rows:
            if (line := keys.setdefault(row.external_key, row.line)) != row.line:
                errors.append(RowError(row.line, "external_key", f"is the same as in line {line:,}"))
                continue
            new_keys.append((row.external_key, row.line))
            if row.line_user_id is not None:
                line_id = _bytes(row.line_user_id)
                if (line := line_ids.setdefault(line_id, row.line)) != row.line:
                    errors.append(RowError(row.line, "line_user_id", f"is the same as in line {line:,}"))
                    continue
                new_line_ids.append((line_id, row.line))
            good.append(row)
        self._connection.executemany(_CLAIM_KEYS, new_keys)
        self._connection.executemany(_CLAIM_LINE_IDS, new_line_ids)
        return good, errors

    def _known(self, sql: str, values: Sequence[str | bytes]) -> dict[str | bytes, int]:
        return dict(self._connection.execute(sql.format(",".join("?" * len(values))), values))


def _bytes(line_user_id: str) -> bytes:
    return bytes.fromhex(line_user_id[1:])
