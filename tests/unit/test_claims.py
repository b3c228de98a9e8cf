"""Which rows of a file repeat others: SQLite and the fake agree, and neither forgets."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yomawari.adapters.claims import open_claims
from yomawari.adapters.claims_fake import open_claims_fake
from yomawari.domain.imports import RowError
from yomawari.domain.rows import SeekerRow
from yomawari.usecases.import_ports import Claims


@pytest.fixture(params=[open_claims, open_claims_fake])
def claims(request: pytest.FixtureRequest) -> Iterator[Claims]:
    opened: Callable[[], Iterator[Claims]] = request.param
    with opened() as made:  # type: ignore[attr-defined]
        yield made


def row(line: int, key: str, line_id: int | None = None) -> SeekerRow:
    return SeekerRow(line, key, None if line_id is None else f"U{line_id:032x}", None)


def test_the_first_row_with_a_key_has_it(claims: Claims) -> None:
    good, errors = claims.take([row(2, "a"), row(3, "A"), row(4, "a")])
    assert [one.line for one in good] == [2, 3]
    assert errors == [RowError(4, "external_key", "is the same as in line 2")]
    assert claims.take([row(5_000, "a"), row(5_001, "b")]) == (
        [row(5_001, "b")],
        [RowError(5_000, "external_key", "is the same as in line 2")],
    )


def test_the_first_good_row_with_a_line_id_has_that(claims: Claims) -> None:
    rows = [row(2, "a", 1), row(3, "a", 2), row(4, "b", 2), row(5, "c", 1), row(6, "d"), row(7, "e")]
    good, errors = claims.take(rows)
    assert [one.line for one in good] == [2, 4, 6, 7], "line 3 is no good row, so its LINE id is free"
    assert errors == [
        RowError(3, "external_key", "is the same as in line 2"),
        RowError(5, "line_user_id", "is the same as in line 2"),
    ]
    assert claims.take([row(8, "c", 3)])[1] == [RowError(8, "external_key", "is the same as in line 5")]
    assert claims.take([row(1_234, "f", 2)])[1] == [RowError(1_234, "line_user_id", "is the same as in line 4")]


def test_nothing_is_taken_from_nothing(claims: Claims) -> None:
    assert claims.take([]) == ([], [])


KEYS = st.sampled_from(["a", "A", "b", "月", "a b", "\u00e9", "e\u0301"])


@settings(deadline=None, max_examples=80)
@given(st.lists(st.tuples(KEYS, st.none() | st.integers(1, 5)), max_size=20), st.integers(1, 7))
def test_both_agree_however_the_rows_are_cut(rows: list[tuple[str, int | None]], block: int) -> None:
    numbered = [row(line, *one) for line, one in enumerate(rows, start=1)]
    with open_claims() as real, open_claims_fake() as fake:
        good, errors = fake.take(numbered)
        for first in range(0, len(numbered), block):
            taken, repeated = real.take(numbered[first : first + block])
            assert taken == [one for one in good if first < one.line <= first + block]
            assert repeated == [one for one in errors if first < one.line <= first + block]


def test_the_file_is_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", os.fspath(tmp_path))
    with open_claims() as claims:
        claims.take([row(1, "a", 1)])
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())
