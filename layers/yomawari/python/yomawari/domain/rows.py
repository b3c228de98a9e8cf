"""The rows of an import file: how text is read as records, and records as rows or as errors in plain words. Pure.

UnreadableError: the file cannot be read at all, so nothing of it is registered
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, NamedTuple, TextIO

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from yomawari.domain.imports import FileFormat, RowError
from yomawari.domain.quoting import place_after

COLUMNS: Final = ("external_key", "line_user_id", "user_id")
MAX_LINE_CHARACTERS: Final = 64 * 1024
MAX_RECORD_CHARACTERS: Final = 128 * 1024
"""More is no row any more: most likely a quotation mark was opened and never closed."""
MAX_FILE_LINES: Final = 10_000_000
MAX_FILE_CHARACTERS: Final = 1024**3
"""A small gzip file may unpack to terabytes, or to billions of lines. Whatever passes must be cut within split_import's
900 s, enough for some 20 million usual rows, and what it claims must fit into the temporary directory, where ten
million of the longest keys take 3.4 GB. Blank lines count, because they take their time too."""
_TOO_LONG: Final = f"is longer than {MAX_LINE_CHARACTERS:,} characters"
_NAMED: Final = 5
_NO_HEADER: Final = f"the first line must name the columns: {', '.join(COLUMNS)}"


class UnreadableError(ValueError):
    """The file cannot be read at all; the message says why, in words for whoever made the file."""


class _LineTooLongError(csv.Error):
    """No row is that long. One of csv's own, for csv.reader lets it through and goes on with the next line."""


class SeekerRow(NamedTuple):
    """A good row; None means that the file says nothing, so what is there stays."""

    line: int
    external_key: str
    line_user_id: str | None
    user_id: int | None


class _Row(BaseModel):
    """The shape of a row. Strict: JSON's 5 is no text, and "5" no number; CSV's cells are converted before."""

    model_config = ConfigDict(extra="forbid", strict=True)

    external_key: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^\P{Cc}*$")
    ]
    line_user_id: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^(U[0-9a-f]{32})?$")] | None = None
    user_id: Annotated[int, Field(gt=0, lt=2**63)] | None = None


_KEY_REASONS: Final = {
    "missing": "is missing",
    "string_too_short": "is empty",
    "string_too_long": "is longer than 64 characters",
    "string_pattern_mismatch": "has control characters",
}
_LINE_USER_ID_REASON: Final = "must be U and 32 hex digits (0-9, a-f)"
_USER_ID_REASON: Final = "must be a positive whole number"
_UNKNOWN_FIELD_CHARACTERS: Final = 64
_NUMBER: Final = re.compile(r"[0-9]{1,20}", re.ASCII)


def rows_of(text: TextIO, file_format: FileFormat) -> Iterator[SeekerRow | RowError]:
    """Every row of a file, good or bad, in order; memory stays flat at any size.

    Args:
        text: the file, decoded, with its line ends as they are (`newline=""`).
        file_format: what the rows are written in.

    Raises:
        UnreadableError: no rows can be made out; also later on, so `check` reads the whole file first.
    """
    return _csv_rows(text) if file_format == "csv" else _ndjson_rows(text)


def check(text: TextIO, file_format: FileFormat) -> None:
    """Read a file to its end without looking into its rows.

    Raises:
        UnreadableError: no rows can be made out.
    """
    records: Iterator[object] = _ndjson_lines(text) if file_format == "ndjson" else _csv_records(_Lines(text))
    if next(records, None) is None:
        raise UnreadableError("the file is empty")
    for _ in records:
        pass


@dataclass(slots=True)
class _Lines:
    """The physical lines of a CSV file, for csv.reader; `record_characters` is reset by whoever takes a record.

    `last` is the line given last, "" at the end of the file.
    """

    text: TextIO
    characters: int = 0
    record_characters: int = 0
    number: int = 0
    last: str = ""

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        self.last = line = self.text.readline(MAX_LINE_CHARACTERS + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self.characters += len(line)
        self.record_characters += len(line)
        _check_size(self.number, self.characters)
        if len(line) > MAX_LINE_CHARACTERS:
            self._pass_over(line)
            raise _LineTooLongError
        if self.record_characters > MAX_RECORD_CHARACTERS:
            raise UnreadableError("a quotation mark is opened and never closed")
        return line

    def is_left_open(self) -> bool:
        """Whether a quotation of the last line is still open at its end, so that the next is no record of its own."""
        return place_after(self.last) == "quoted"

    def _pass_over(self, line: str) -> None:
        place = place_after(line)
        for piece in _rest(line, self.text):
            place = place_after(piece, place)
            self.characters += len(piece)
            _check_size(self.number, self.characters)
        self.last = '"' if place == "quoted" else ""  # all that is kept of it, and enough for is_left_open


def _csv_records(lines: _Lines) -> Iterator[tuple[int, list[str] | str]]:
    """The header and every record that has anything in it, with the line each begins on.

    Why a record cannot be read stands in its place, if it is sure to end with its line; nobody knows where others do.
    """
    reader, is_header = csv.reader(lines, strict=True), True
    while True:
        begins, lines.record_characters = lines.number + 1, 0
        try:
            cells = next(reader)
            if any(map(str.strip, cells)):
                yield begins, _checked_header(cells) if is_header else cells
                is_header = False
        except StopIteration:
            return
        except csv.Error as error:
            reason, is_left_open = _reason(error), lines.number > begins or lines.is_left_open()
            if is_header or is_left_open:
                told = "has a quotation mark that is left open" if is_left_open else reason
                raise UnreadableError(f"line {begins} {told}") from error
            yield begins, reason
        except UnreadableError as error:
            raise UnreadableError(f"line {begins}: {error}") from error


def _reason(error: csv.Error) -> str:
    return _TOO_LONG if isinstance(error, _LineTooLongError) else "has quotation marks that do not match"


def _checked_header(cells: list[str]) -> list[str]:
    """The names of the columns.

    Names are repeated only where the line is a header beyond doubt: otherwise it may be somebody's data.
    """
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    if not set(names) & set(COLUMNS):
        raise UnreadableError(_NO_HEADER)
    wrong = {
        "unknown column": sorted(set(names) - set(COLUMNS)),
        "column named twice": sorted({name for name in names if names.count(name) > 1}),
        "missing column": [] if "external_key" in names else ["external_key"],
    }
    found = [f"{what}: {', '.join(map(_shown, columns[:_NAMED]))}" for what, columns in wrong.items() if columns]
    if found:
        raise UnreadableError("; ".join(found))
    return names


def _csv_rows(text: TextIO) -> Iterator[SeekerRow | RowError]:
    records = _csv_records(_Lines(text))
    _, columns = next(records, (0, []))
    width = len(columns)
    for line, cells in records:
        if isinstance(cells, str):
            yield RowError(line, None, cells)
        elif any(map(str.strip, cells[width:])):
            yield RowError(line, None, "has more cells than the header names")
        else:
            yield _csv_row(line, dict(zip(columns, cells, strict=False)))


def _csv_row(line: int, cells: dict[str, Any]) -> SeekerRow | RowError:
    if (user_id := cells.pop("user_id", "").strip()) and _NUMBER.fullmatch(user_id):
        cells["user_id"] = int(user_id)
    elif user_id:
        cells["user_id"] = user_id
    try:
        row = _Row.model_validate(cells)
    except ValidationError as error:
        return _row_error(line, error)
    return SeekerRow(line, row.external_key, row.line_user_id or None, row.user_id)


def _ndjson_lines(text: TextIO) -> Iterator[tuple[int, str | None]]:
    """Every line that has anything in it; None in place of one that is too long."""
    number = characters = 0
    while line := text.readline(MAX_LINE_CHARACTERS + 1):
        number += 1
        characters += len(line)
        is_too_long = len(line) > MAX_LINE_CHARACTERS
        _check_size(number, characters)
        for piece in _rest(line, text) if is_too_long else ():
            characters += len(piece)
            _check_size(number, characters)
        if is_too_long or not line.isspace():
            yield number, None if is_too_long else line


def _rest(line: str, text: TextIO) -> Iterator[str]:
    """What follows of a line that is too long, up to its end and in pieces, for it may be all of the file."""
    while len(line) > MAX_LINE_CHARACTERS and not line.endswith("\n"):
        line = text.readline(MAX_LINE_CHARACTERS + 1)
        yield line


def _ndjson_rows(text: TextIO) -> Iterator[SeekerRow | RowError]:
    for number, line in _ndjson_lines(text):
        if line is None:
            yield RowError(number, None, _TOO_LONG)
            continue
        try:
            row = _Row.model_validate_json(line)
        except ValidationError as error:
            yield _row_error(number, error)
        else:
            yield SeekerRow(number, row.external_key, row.line_user_id or None, row.user_id)


def _row_error(line: int, error: ValidationError) -> RowError:
    """The first thing that is wrong; pydantic's own words would be no help to whoever made the file."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    column = str(first["loc"][0]) if first["loc"] else None
    match column:
        case None:
            return RowError(line, None, "is not a JSON object")
        case "external_key":
            return RowError(line, column, _KEY_REASONS.get(first["type"], "must be text"))
        case "line_user_id":
            return RowError(line, column, _LINE_USER_ID_REASON)
        case "user_id":
            return RowError(line, column, _USER_ID_REASON)
    return RowError(line, _shown(column), "is not a field that is known here")


def _shown(name: str) -> str:
    """A name that somebody else gave, fit to be shown."""
    return "".join(one if one.isprintable() else "?" for one in name[:_UNKNOWN_FIELD_CHARACTERS]) or "(no name)"


def _check_size(lines: int, characters: int) -> None:
    if lines > MAX_FILE_LINES:
        raise UnreadableError(f"the file has more than {MAX_FILE_LINES:,} lines; cut it into several")
    if characters > MAX_FILE_CHARACTERS:
        raise UnreadableError(f"the file has more than {MAX_FILE_CHARACTERS:,} characters; cut it into several")
