"""Which keys and LINE ids stood earlier in a file: exact, and in memory that does not grow with the file.

SQLite on a file in the temporary directory. A set in memory would need 250 MB for a million rows; a Bloom filter would
be small, and wrong.
"""

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, TypeVar

from yomawari.domain.imports import RowError
from yomawari.domain.rows import SeekerRow

Claim = TypeVar("Claim", str, bytes)

# The file is worthless once the split is over, however it ends: nothing of it need survive a crash. 48 MB of cache.
_OPEN: Final = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -48000;
CREATE TABLE keys (claim TEXT PRIMARY KEY, line INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE line_ids (claim BLOB PRIMARY KEY, line INTEGER NOT NULL) WITHOUT ROWID;
"""
_CLAIM: Final = "INSERT INTO {table} VALUES (?, ?) ON CONFLICT DO NOTHING"
_HOLDERS: Final = "SELECT * FROM {table} WHERE claim IN ({places})"


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
        """The rows that differ from all before by key and LINE id, and why the others do not."""
        key_holders = self._claim("keys", [(row.external_key, row.line) for row in rows])
        errors = [
            _error(row.line, "external_key", key_holders[row.external_key])
            for row in rows
            if key_holders.get(row.external_key, row.line) != row.line
        ]
        repeated = {error.line for error in errors}
        linked = [(_bytes(row.line_user_id), row.line) for row in rows if row.line_user_id and row.line not in repeated]
        id_holders = self._claim("line_ids", linked)
        errors += [
            _error(line, "line_user_id", id_holders[one]) for one, line in linked if id_holders.get(one, line) != line
        ]
        wrong = {error.line for error in errors}
        return [row for row in rows if row.line not in wrong], sorted(errors, key=lambda error: error.line)

    def _claim(self, table: str, claims: Sequence[tuple[Claim, int]]) -> dict[Claim, int]:
        """Claim for lines, in order; who holds each claim, or nothing where all were free.

        That is the usual case, and saves a look at every one of them.
        """
        before = self._connection.total_changes
        self._connection.executemany(_CLAIM.format(table=table), claims)
        if self._connection.total_changes - before == len(claims):
            return {}
        holders = _HOLDERS.format(table=table, places=",".join("?" * len(claims)))
        return dict(self._connection.execute(holders, [claim for claim, _ in claims]))


def _error(line: int, column: str, first_line: int) -> RowError:
    return RowError(line, column, f"is the same as in line {first_line:,}")


def _bytes(line_user_id: str) -> bytes:
    return bytes.fromhex(line_user_id[1:])
