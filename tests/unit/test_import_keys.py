"""Which object keys are those of imports."""

import pytest

from yomawari.domain.imports import FileFormat, ImportKey, import_key


@pytest.mark.parametrize(
    ("key", "read_as"),
    [
        ("imports/7/a.csv", ("csv", False)),
        ("imports/7/a.csv.gz", ("csv", True)),
        ("imports/7/a.ndjson", ("ndjson", False)),
        ("imports/7/a.ndjson.gz", ("ndjson", True)),
    ],
)
def test_a_key_says_all(key: str, read_as: tuple[FileFormat, bool]) -> None:
    assert import_key(key) == ImportKey(key, 7, "a", *read_as)


@pytest.mark.parametrize(
    "key",
    [
        "imports/7/a.txt",
        "imports/7/a.CSV",
        "imports/7/a.csv.zip",
        "imports/7/.csv",
        "imports/7/a b.csv",
        "imports/7/a+b.csv",
        "imports/7/a%20b.csv",
        "imports/7/a%2Bb.csv",
        "imports%2F7%2Fa.csv",
        "imports/7/月.csv",
        "imports/7/a.csv\n",
        "imports/7/b/a.csv",
        "imports/07/a.csv",
        "imports/0/a.csv",
        "imports/-7/a.csv",
        "imports/７/a.csv",  # noqa: RUF001 - a digit that Python's int would take
        "imports/12345678901/a.csv",
        f"imports/7/{'a' * 65}.csv",
        "/imports/7/a.csv",
        "Imports/7/a.csv",
        "",
    ],
)
def test_anything_else_is_none(key: str) -> None:
    assert import_key(key) is None
