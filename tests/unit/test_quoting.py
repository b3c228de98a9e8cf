"""Where a line of CSV ends, held against csv itself."""

import csv

from hypothesis import given
from hypothesis import strategies as st

from yomawari.domain.quoting import place_after

PIECES = st.lists(st.text('", x', max_size=6), max_size=4)


@given(PIECES)
def test_a_mark_is_open_where_csv_takes_the_next_line_along(pieces: list[str]) -> None:
    line = "".join(pieces)
    is_open = sum(1 for _ in csv.reader([line, "next"])) == 1
    assert (place_after(line) == "quoted") == is_open


@given(PIECES)
def test_it_does_not_matter_how_a_line_is_cut(pieces: list[str]) -> None:
    place = place_after("")
    for piece in pieces:
        place = place_after(piece, place)
    assert place == place_after("".join(pieces))
