"""What is a row, what is an error and how it is told, and which files cannot be read at all."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yomawari.domain import rows as reading
from yomawari.domain.imports import FileFormat, RowError
from yomawari.domain.rows import SeekerRow, UnreadableError, check, rows_of

LINE_ID = "U0123456789abcdef0123456789abcdef"
CELLS = st.text('aé月😀\u3000\u2028\ufeff",\n\r;= ', max_size=12)


def text_of(content: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(content.encode()), "utf-8-sig", newline="")


def read(content: str, file_format: FileFormat = "csv") -> list[SeekerRow | RowError]:
    check(text_of(content), file_format)
    return list(rows_of(text_of(content), file_format))


def unreadable(content: str, file_format: FileFormat = "csv") -> str:
    """Why a file cannot be read; both ways of reading it say the same."""
    with pytest.raises(UnreadableError) as checked:
        check(text_of(content), file_format)
    return str(checked.value)


def written(content: dict[str, Any]) -> str:
    return json.dumps(content)


class TestCsv:
    def test_columns_in_any_order_and_missing_values(self) -> None:
        assert read(f"user_id, line_user_id ,external_key\r\n5,{LINE_ID},a\r\n,,b\r\n") == [
            SeekerRow(2, "a", LINE_ID, 5),
            SeekerRow(3, "b", None, None),
        ]

    def test_only_the_key_is_needed(self) -> None:
        assert read("external_key\na") == [SeekerRow(2, "a", None, None)]

    def test_excels_ways(self) -> None:
        """A BOM, quotes, doubled quotes, a line end within a cell, blank lines, empty columns at the end."""
        content = '\ufeff"external_key","user_id",,\r\n"a ""1"", b",1,,\r\n\r\n,,,\r\n" c ","2",,\r\n'
        assert read(content) == [SeekerRow(2, 'a "1", b', None, 1), SeekerRow(5, "c", None, 2)]

    def test_a_line_is_where_the_record_begins(self) -> None:
        rows = read('external_key,user_id\na,"1\n"\nb,"x\n\n"\nc,0\n')
        assert [row.line for row in rows] == [2, 4, 7]

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_every_kind_of_line_end(self, end: str) -> None:
        assert read(end.join(["external_key", "a", "", "b"])) == [
            SeekerRow(2, "a", None, None),
            SeekerRow(4, "b", None, None),
        ]

    def test_a_row_may_be_short_but_not_long(self) -> None:
        assert read("external_key,user_id\na\nb,1,\nc,1,2\n") == [
            SeekerRow(2, "a", None, None),
            SeekerRow(3, "b", None, 1),
            RowError(4, None, "has more cells than the header names"),
        ]

    def test_a_short_row_without_its_key(self) -> None:
        rows = read("user_id,external_key\n5\n5,\n")
        assert rows == [RowError(2, "external_key", "is missing"), RowError(3, "external_key", "is empty")]

    @pytest.mark.parametrize("cell", ["x", "0", "-1", "1.0", "1e3", "1_0", "+1", "９", str(2**63), "1" * 30])  # noqa: RUF001
    def test_user_ids_are_positive_whole_numbers(self, cell: str) -> None:
        assert read(f"external_key,user_id\na,{cell}") == [RowError(2, "user_id", "must be a positive whole number")]

    @pytest.mark.parametrize(
        ("header", "reason"),
        [
            ("external_key,phone", "line 1: unknown column: phone"),
            ("external_key,b,a,line_user_id", "line 1: unknown column: a, b"),
            ("line_user_id,user_id", "line 1: missing column: external_key"),
            ("external_key,user_id,user_id", "line 1: column named twice: user_id"),
            ("external_key,,user_id", "line 1: unknown column: (no name)"),
            ("user_id,x,x", "line 1: unknown column: x; column named twice: x; missing column: external_key"),
            ("\n\nexternal_key,x", "line 3: unknown column: x"),
        ],
    )
    def test_a_header_that_does_not_fit_is_named(self, header: str, reason: str) -> None:
        assert unreadable(f"{header}\na,b,c,d") == reason

    @pytest.mark.parametrize("first_line", [f"seeker-1,{LINE_ID}", "External_Key", "external_key;line_user_id", "7"])
    def test_a_first_line_that_is_no_header_is_not_repeated(self, first_line: str) -> None:
        reason = unreadable(f"{first_line}\n")
        assert reason == "line 1: the first line must name the columns: external_key, line_user_id, user_id"

    @pytest.mark.parametrize("content", ["", "\ufeff", "\r\n\r\n", ",,\n"])
    def test_an_empty_file(self, content: str) -> None:
        assert unreadable(content) == "the file is empty"
        assert list(rows_of(text_of(content), "csv")) == []

    def test_a_header_alone_has_no_rows(self) -> None:
        assert read("external_key,user_id\r\n") == []

    @pytest.mark.parametrize("line", ['"b"x,', '"5" pipe",1', '"b" ,1', '"b"x,"c"', '"b""c" "d"'])
    def test_quotes_that_do_not_match_are_an_error_and_the_next_line_is_read(self, line: str) -> None:
        error = RowError(3, None, "has quotation marks that do not match")
        good = SeekerRow(2, "a", None, None), SeekerRow(5, "c", None, 1)
        assert read(f"external_key,user_id\na\n{line}\n\nc,1\n") == [good[0], error, good[1]]

    def test_a_quote_that_the_last_line_leaves_open_takes_no_other_along(self) -> None:
        assert read('external_key\na\n"b')[1:] == [RowError(3, None, "has quotation marks that do not match")]

    def test_a_quote_left_open_over_several_lines(self) -> None:
        content = f'external_key\na\n"b\n{"c" * 100}\n'
        reason = "line 3 has a quotation mark that is left open"
        assert unreadable(content) == reason
        assert unreadable(content + '"d"\n') == reason
        assert unreadable('external_key\na\n"b"x,"c\nd",1\n') == reason, 'else d" would be registered'
        assert unreadable(content + f"{'d' * 9_999}\n" * 30) == "line 3: a quotation mark is opened and never closed"

    def test_a_line_that_is_too_long_is_an_error_and_the_next_is_read(self) -> None:
        reason = "is longer than 65,536 characters"
        assert read(f'external_key\n{"x" * 200_000}\na\n"{"y" * 70_000}",1\nb\n{"z" * 70_000}') == [
            RowError(2, None, reason),
            SeekerRow(3, "a", None, None),
            RowError(4, None, reason),
            SeekerRow(5, "b", None, None),
            RowError(6, None, reason),
        ]

    def test_a_line_that_is_too_long_within_a_quotation(self) -> None:
        long = "x" * 70_000
        reason = "line 2 has a quotation mark that is left open"
        assert unreadable(f'external_key\n"a\n{long}\n"\n') == reason
        assert unreadable(f'external_key\n{long},"\nb",1\n') == reason, 'else b" would be registered'
        assert unreadable(f'external_key\nx"y,"{long}\nb",1\n') == reason, "a mark within a cell opens nothing"
        assert read(f'external_key\nx"{long}\na\n')[1:] == [SeekerRow(3, "a", None, None)]

    def test_a_header_that_csv_cannot_read(self) -> None:
        assert unreadable('"external_key"x\na\n') == "line 1 has quotation marks that do not match"
        assert unreadable("x" * 70_000) == "line 1 is longer than 65,536 characters"

    @given(st.lists(st.sampled_from(["good", "", '"b"x', '"5" pipe",1', '"b"x,"c"', "x" * 66_000]), max_size=12))
    def test_bad_lines_stop_no_others(self, lines: list[str]) -> None:
        numbered = [f"key {n}" if line == "good" else line for n, line in enumerate(lines, start=2)]
        rows = read("\r\n".join(["external_key", *numbered]))
        expected = {n: line == "good" for n, line in enumerate(lines, start=2) if line}
        assert {
            row.line: isinstance(row, SeekerRow) and row.external_key == f"key {row.line}" for row in rows
        } == expected

    def test_a_file_that_unpacks_without_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "MAX_FILE_CHARACTERS", 1_000)
        reason = "the file has more than 1,000 characters; cut it into several"
        assert reason in unreadable("external_key\n" + "a\n" * 1_000)
        assert reason in unreadable('{"external_key":"a"}\n' * 1_000, "ndjson")
        assert reason in unreadable("x" * 500_000, "ndjson")
        monkeypatch.setattr(reading, "MAX_FILE_CHARACTERS", 100_000)
        assert "100,000 characters" in unreadable("external_key\n" + "x" * 500_000)

    @pytest.mark.parametrize("line", ["{}\n", "\n", "x\n"])
    @pytest.mark.parametrize("file_format", ["csv", "ndjson"])
    def test_a_file_that_unpacks_to_lines_without_end(
        self, monkeypatch: pytest.MonkeyPatch, line: str, file_format: FileFormat
    ) -> None:
        """However short they are, and though nothing is in them: they cost the time that the function has not got."""
        monkeypatch.setattr(reading, "MAX_FILE_LINES", 100)
        first = "external_key\n"
        assert isinstance(read(first + line * 99, file_format), list)
        reason = "the file has more than 100 lines; cut it into several"
        assert reason in unreadable(first + line * 100, file_format)

    @given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8))
    def test_what_excel_could_write_is_read_as_it_was(self, cells: list[tuple[str, str]]) -> None:
        written = io.StringIO(newline="")
        writer = csv.writer(written, quoting=csv.QUOTE_ALL)
        writer.writerow(("user_id", "external_key"))
        writer.writerows(("1", f"key {key}") for _, key in cells)
        rows = read(written.getvalue())
        for row, (_, key) in zip(rows, cells, strict=True):
            if isinstance(row, SeekerRow):
                assert row.external_key == f"key {key}".strip()
            else:
                assert row.reason in {"has control characters", "is longer than 64 characters"}


class TestNdjson:
    def test_rows(self) -> None:
        content = [
            written({"external_key": "a", "line_user_id": LINE_ID, "user_id": 5}),
            "",
            written({"user_id": None, "line_user_id": None, "external_key": "　花子 "}),
            written({"external_key": "c", "line_user_id": ""}),
        ]
        assert read("\r\n".join(content), "ndjson") == [
            SeekerRow(1, "a", LINE_ID, 5),
            SeekerRow(3, "花子", None, None),
            SeekerRow(4, "c", None, None),
        ]

    @pytest.mark.parametrize(
        ("line", "column", "reason"),
        [
            ("x", None, "is not a JSON object"),
            ("[]", None, "is not a JSON object"),
            ('{"external_key":"a"', None, "is not a JSON object"),
            ('{"external_key":"\\ud800"}', None, "is not a JSON object"),
            ("{}", "external_key", "is missing"),
            ('{"external_key":null}', "external_key", "must be text"),
            ('{"external_key":5}', "external_key", "must be text"),
            ('{"external_key":" \\u3000"}', "external_key", "is empty"),
            ('{"external_key":"a\\tb"}', "external_key", "has control characters"),
            ('{"external_key":"a\\u0000"}', "external_key", "has control characters"),
            (written({"external_key": "a" * 65}), "external_key", "is longer than 64 characters"),
            (written({"external_key": "a", "phone": "090"}), "phone", "is not a field that is known here"),
            (written({"external_key": "a", "\n" * 99: 1}), "?" * 64, "is not a field that is known here"),
            (written({"external_key": "a", "user_id": "5"}), "user_id", "must be a positive whole number"),
            (written({"external_key": "a", "user_id": True}), "user_id", "must be a positive whole number"),
            (written({"external_key": "a", "user_id": 5.0}), "user_id", "must be a positive whole number"),
            (written({"external_key": "a", "user_id": 0}), "user_id", "must be a positive whole number"),
        ],
    )
    def test_errors_in_plain_words(self, line: str, column: str | None, reason: str) -> None:
        good = written({"external_key": "a"})
        assert read(f"{good}\n{line}\n", "ndjson")[1] == RowError(2, column, reason)

    @pytest.mark.parametrize(
        "line_id", ["x", LINE_ID[1:], LINE_ID.lower(), LINE_ID.upper(), LINE_ID + "0", 5, [LINE_ID]]
    )
    def test_line_ids_are_u_and_32_hex_digits(self, line_id: object) -> None:
        (error,) = read(written({"external_key": "a", "line_user_id": line_id}), "ndjson")
        assert error == RowError(1, "line_user_id", "must be U and 32 hex digits (0-9, a-f)")

    def test_a_line_that_is_too_long_is_an_error_and_the_next_is_read(self) -> None:
        content = f"{'x' * 200_000}\n{written({'external_key': 'a'})}\n{'y' * 70_000}"
        reason = "is longer than 65,536 characters"
        assert read(content, "ndjson") == [
            RowError(1, None, reason),
            SeekerRow(2, "a", None, None),
            RowError(3, None, reason),
        ]

    @pytest.mark.parametrize("content", ["", "\n \n"])
    def test_an_empty_file(self, content: str) -> None:
        assert unreadable(content, "ndjson") == "the file is empty"

    @given(
        st.dictionaries(
            st.sampled_from(["external_key", "line_user_id", "user_id", "x"]),
            st.text("aU0月\n ", max_size=5) | st.integers(),
        )
    )
    def test_no_error_repeats_a_value(self, content: dict[str, object]) -> None:
        for row in read(written(content), "ndjson"):
            if isinstance(row, RowError):
                assert row.reason in KNOWN_REASONS


KNOWN_REASONS = {
    "is missing",
    "must be text",
    "is empty",
    "is longer than 64 characters",
    "has control characters",
    "must be U and 32 hex digits (0-9, a-f)",
    "must be a positive whole number",
    "is not a field that is known here",
}
