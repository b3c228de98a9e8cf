"""`yomawari import` off the stack: where a file goes, how an import is shown, and its errors as CSV."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console
from rich.live import Live

from tools.cli.imports import (
    final_import,
    new_import_id,
    object_key,
    report_import,
    upload,
    watch_import,
    write_errors,
)
from tools.cli.runs import RunError
from tools.cli.target import Target
from yomawari.domain.imports import ERRORS_PER_PAGE, ErrorReport, ImportReport, import_key

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
REPORT = ImportReport(
    import_id="a",
    tenant_id=7,
    object_key="imports/7/a.csv",
    state="completed_with_errors",
    reason=None,
    created_at=NOW,
    ended_at=NOW,
    rows=1_234,
    registered=1_200,
    updated=4,
    rejected=30,
    errors=[ErrorReport(line=2, column="[b]x", reason="is not a field that is known here")],
)


class FakeTarget:
    """report_status with answers of its own, in order; the last one again and again."""

    outputs = {"ReportStatusFunction": "report", "ImportFilesBucket": "files"}  # noqa: RUF012

    def __init__(self, *answers: dict[str, Any]) -> None:
        self._answers = list(answers)
        self.questions: list[dict[str, Any]] = []

    def client(self, _service: str) -> "FakeTarget":
        return self

    def invoke(self, *, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803 - boto3's own names
        assert FunctionName == "report"
        self.questions.append(json.loads(Payload))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


def target_of(*answers: dict[str, Any]) -> Target:
    return cast("Target", FakeTarget(*answers))


def shown(report: ImportReport) -> str:
    console = Console(width=100, file=io.StringIO(), record=True)
    console.print(final_import(report))
    return console.export_text()


def watched(target: Target, timeout_s: float = 9) -> ImportReport:
    with Live(console=Console(file=io.StringIO())) as show:
        return watch_import(target, "a", show, timeout_s)


@pytest.mark.parametrize("name", ["a.csv", "月.ndjson", "x.y.CSV.gz", "a b.ndjson.GZ"])
def test_a_file_goes_where_its_import_begins(name: str) -> None:
    import_id = new_import_id(NOW)
    key = import_key(object_key(Path(name), 7, import_id))
    assert key is not None
    assert (key.tenant_id, key.import_id) == (7, import_id)
    assert import_id.startswith("20261120-030000-")
    assert import_id != new_import_id(NOW)


@pytest.mark.parametrize("name", ["a.xlsx", "a.gz", "csv", "a.csv.zip", "a"])
def test_other_files_are_not_uploaded(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("x")
    with pytest.raises(ValueError, match="must end in"):
        upload(target_of({}), tmp_path / name, 7, "a")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.csv is no file"):
        upload(target_of({}), tmp_path / "none.csv", 7, "a")


def test_an_import_is_watched_to_its_end() -> None:
    running = REPORT.model_copy(update={"state": "splitting", "ended_at": None, "rows": None})
    answers = [{"error": "there is no import a"}, running.model_dump(mode="json"), REPORT.model_dump(mode="json")]
    assert watched(target_of(*answers)) == REPORT


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"error": "there is no import a"}, "has not begun"),
        (REPORT.model_copy(update={"ended_at": None}).model_dump(mode="json"), "has not ended"),
    ],
)
def test_one_that_takes_too_long_says_so(answer: dict[str, Any], says: str) -> None:
    with pytest.raises(TimeoutError, match=says):
        watched(target_of(answer), timeout_s=0)


def test_totals_and_the_first_errors_are_shown_as_they_are() -> None:
    text = shown(REPORT)
    for part in ("import a of tenant 7: completed_with_errors", "1,234", "1,200", "30 errors", "[b]x", "known here"):
        assert part in text
    rejected = REPORT.model_copy(update={"state": "rejected", "reason": "the file is empty [x]", "errors": []})
    assert "nothing of the file is registered: the file is empty [x]" in shown(rejected)
    assert "errors" not in shown(REPORT.model_copy(update={"state": "completed", "errors": []})).splitlines()[-2]


def test_all_errors_are_written_page_by_page(tmp_path: Path) -> None:
    def page(first: int, count: int) -> dict[str, Any]:
        errors = [{"line": first + n, "column": None, "reason": "is wrong, indeed"} for n in range(count)]
        return {"import_id": "a", "errors": errors}

    target = target_of(page(2, ERRORS_PER_PAGE), page(2_000, ERRORS_PER_PAGE), page(9_000, 1))
    assert write_errors(target, "a", tmp_path / "errors.csv") == 2 * ERRORS_PER_PAGE + 1
    asked = [question["errors_after"] for question in cast("FakeTarget", target).questions]
    assert asked == [0, ERRORS_PER_PAGE + 1, 2_999]
    with (tmp_path / "errors.csv").open(encoding="utf-8-sig", newline="") as written:
        rows = list(csv.reader(written))
    assert rows[0] == ["line", "column", "reason"]
    assert rows[-1] == ["9000", "", "is wrong, indeed"]


def test_no_name_of_a_field_becomes_a_formula(tmp_path: Path) -> None:
    errors = [{"line": 1, "column": "=HYPERLINK(1)", "reason": "is not a field that is known here"}]
    write_errors(target_of({"import_id": "a", "errors": errors}), "a", tmp_path / "errors.csv")
    assert "'=HYPERLINK(1)" in (tmp_path / "errors.csv").read_text(encoding="utf-8-sig")


def test_a_report_that_fails_is_told() -> None:
    class Failing(FakeTarget):
        def invoke(self, **_: Any) -> dict[str, Any]:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorMessage": "MySQL is away"}')}

    with pytest.raises(RunError, match="MySQL is away"):
        report_import(cast("Target", Failing({})), "a")
