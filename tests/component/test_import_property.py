"""Random files, chunk orders and redeliveries, against a model that reads the file once from top to bottom.

The model knows nothing of chunks, ids or transactions: it decides each row by the rows before it and by what was there
before the import. Held against the fake quickly, and against MariaDB.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.files import Importing
from tests.support.imports import Imports, MemoryImports, MySqlImports, line_id, report_of
from yomawari.adapters.mysql.connection import Database
from yomawari.adapters.mysql.memory import AccountRow
from yomawari.usecases import split_import

KEYS = ["a", "A", "b", "c", "d", "月", "a "]
Row = dict[str, object]
Links = dict[str, tuple[int | None, str | None]]
"""(user id, LINE id) by external key."""

LINE_IDS = [line_id(number) for number in range(1, 7)]
GOOD_ROWS = st.fixed_dictionaries(
    {"external_key": st.sampled_from(KEYS), "line_user_id": st.sampled_from([*LINE_IDS, None])},
    optional={"user_id": st.sampled_from([1, 2, 3, None])},
)
BAD_ROWS = st.sampled_from(
    [
        {},
        {"external_key": ""},
        {"external_key": "a", "line_user_id": "U"},
        {"external_key": "b", "user_id": "1"},
        {"external_key": "c", "phone": "090"},
        {"external_key": "x" * 65},
    ]
)
# Files are long, and few rows bad: small ones would seldom move a LINE id in one chunk and claim it in another.
FILES = st.builds(
    lambda good, bad, random: random.sample([*good, *bad], len(good) + len(bad)),
    st.lists(GOOD_ROWS, min_size=6, max_size=14),
    st.lists(BAD_ROWS, max_size=3),
    st.randoms(use_true_random=False),
)
BEFORE = st.dictionaries(
    st.sampled_from(["a", "b", "c", "old"]),
    st.tuples(st.sampled_from([None, 1, 2]), st.sampled_from([1, 2, 3, 4, None])),
    min_size=2,
)


@dataclass
class Model:
    """What must come out of a file: the links, and the line and column of each error."""

    links: Links
    errors: dict[int, str | None] = field(default_factory=dict)
    registered: int = 0
    updated: int = 0

    def read(self, rows: list[Row]) -> "Model":
        before = dict(self.links)
        owners = {line: key for key, (_, line) in before.items() if line}
        keys: set[str] = set()
        line_ids: set[str] = set()
        for number, row in enumerate(rows, start=1):
            shape = shape_error(row)
            key, line, user_id = str(row.get("external_key", "")).strip(), row.get("line_user_id"), row.get("user_id")
            if shape is not None:
                self.errors[number] = shape
            elif key in keys:
                self.errors[number] = "external_key"
            else:
                keys.add(key)
                if line is not None and line in line_ids:
                    self.errors[number] = "line_user_id"
                    continue
                line_ids.add(str(line))
                if owners.get(str(line), key) != key:
                    self.errors[number] = "line_user_id"
                    continue
                self._take(key, user_id, line, is_known=key in before)
        return self

    def _take(self, key: str, user_id: object, line: object, *, is_known: bool) -> None:
        had = self.links.get(key, (None, None))
        self.links[key] = (user_id or had[0], line or had[1])  # type: ignore[assignment] # shapes are checked
        self.updated += is_known
        self.registered += not is_known


def shape_error(row: Row) -> str | None:
    """The column of the first thing that is wrong with a row by itself, written anew for the model."""
    key = row.get("external_key")
    if not isinstance(key, str) or not 1 <= len(key.strip()) <= 64:
        return "external_key"
    line = row.get("line_user_id")
    if line is not None and not re.fullmatch(r"U[0-9a-f]{32}", str(line)):
        return "line_user_id"
    if not isinstance(row.get("user_id"), int | None):
        return "user_id"
    return next((name for name in row if name not in {"external_key", "line_user_id", "user_id"}), None)


def distinct(before: dict[str, tuple[int | None, int | None]]) -> Links:
    """A state that a tenant can be in: nobody shares a LINE id."""
    owned: dict[int, str] = {}
    for key, (_, number) in before.items():
        if number is not None:
            owned.setdefault(number, key)
    return {
        key: (user_id, line_id(number) if number is not None and owned[number] == key else None)
        for key, (user_id, number) in before.items()
    }


def seed(imports: Imports, before: Links) -> None:
    imports.add_tenant(1)
    for number, (key, (user_id, line)) in enumerate(before.items(), start=1):
        imports.add_seeker(1, number, key, user_id, None if line is None else AccountRow(line, "friend"))


def links_of(imports: Imports) -> Links:
    return {
        key: (user_id, account.line_user_id if account else None) for key, (user_id, account) in imports.links().items()
    }


def check(imports: Imports, before: Links, rows: list[Row], random: Random) -> None:
    """Import the file with its chunks in any order, each once or twice, and again once it has ended."""
    seed(imports, before)
    model = Model(dict(before)).read(rows)
    importing = Importing(imports)
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    importing.split(content)
    chunks = importing.chunks()
    order = chunks + random.sample(chunks, random.randint(0, len(chunks)))
    random.shuffle(order)
    importing.register(order)
    importing.split(content)
    importing.register(chunks)
    assert links_of(imports) == model.links
    report = report_of(imports)
    assert {error.line: error.column for error in imports.reports.errors("first", 0).errors} == model.errors
    assert (report.rows, report.registered, report.updated, report.rejected) == (
        len(rows),
        model.registered,
        model.updated,
        len(model.errors),
    )
    assert report.state == ("completed_with_errors" if model.errors else "completed")
    assert [event.state for event in importing.bus.imports()] == [report.state]


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split_import, "CHUNK_ROWS", 2)


def holds(make: Callable[[], Imports], examples: int) -> None:
    @settings(deadline=None, derandomize=True, max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(BEFORE, FILES, st.randoms(use_true_random=False))
    def same_as_the_model(before: dict[str, tuple[int | None, int | None]], rows: list[Row], random: Random) -> None:
        check(make(), distinct(before), rows, random)

    same_as_the_model()


def test_the_fake_is_the_model_in_any_order() -> None:
    holds(MemoryImports, 250)


def test_mariadb_is_the_model_in_any_order(database: Database) -> None:
    real = MySqlImports(database)

    def emptied() -> Imports:
        real.clear()
        return real

    holds(emptied, 120)
    real.close()


def test_an_import_twice_under_two_ids_is_the_same_as_once(database: Database) -> None:
    """The second time everybody is known, and a LINE id that is theirs already is no conflict."""
    real = MySqlImports(database)
    real.add_tenant(1)
    importing = Importing(real)
    content = "".join(
        json.dumps({"external_key": f"key {n}", "line_user_id": line_id(n), "user_id": n}) + "\n" for n in range(1, 20)
    ).encode()
    for import_id in ("first", "second"):
        importing.split(content, f"imports/1/{import_id}.ndjson")
    importing.register()
    assert len(real.links()) == 19
    assert (report_of(real).registered, report_of(real, "second").updated) == (19, 19)
    real.close()
