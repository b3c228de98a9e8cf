"""Claims in two dictionaries, one row after another."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from yomawari.domain.imports import RowError
from yomawari.domain.rows import SeekerRow


class ClaimsFake:
    """Holds the line of the first row with each key and each LINE id."""

    def __init__(self) -> None:
        self._keys: dict[str, int] = {}
        self._line_ids: dict[str, int] = {}

    def take(self, rows: Sequence[SeekerRow]) -> tuple[list[SeekerRow], list[RowError]]:
        """See Claims."""
        errors = [error for row in rows if (error := self._taken(row))]
        wrong = {error.line for error in errors}
        return [row for row in rows if row.line not in wrong], errors

    def _taken(self, row: SeekerRow) -> RowError | None:
        line = self._keys.setdefault(row.external_key, row.line)
        if line != row.line:
            return RowError(row.line, "external_key", f"is the same as in line {line:,}")
        line = self._line_ids.setdefault(row.line_user_id, row.line) if row.line_user_id else row.line
        if line != row.line:
            return RowError(row.line, "line_user_id", f"is the same as in line {line:,}")
        return None


@contextmanager
def open_claims_fake() -> Iterator[ClaimsFake]:
    """The claims of one file."""
    yield ClaimsFake()
