"""Uploading a file of job seekers as a web application does, and following its import to the end."""

import csv
import re
import secrets
import time
from datetime import datetime
from pathlib import Path
from typing import Final

from boto3.exceptions import S3UploadFailedError
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tools.cli.runs import RunError, ask_status
from tools.cli.target import Target
from yomawari.domain.imports import ERRORS_PER_PAGE, ImportErrors, ImportReport

_ENDING: Final = re.compile(r"\.(ndjson|csv)(\.gz)?$", re.IGNORECASE)
_STYLES: Final = {"completed": "green", "completed_with_errors": "yellow", "rejected": "red"}


def new_import_id(now: datetime) -> str:
    """An id that nobody has: the time, and something random."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


def object_key(file: Path, tenant_id: int, import_id: str) -> str:
    """Where an import's file belongs.

    Raises:
        ValueError: nothing is known of files with this ending.
    """
    ending = _ENDING.search(file.name)
    if ending is None:
        raise ValueError(f"{file.name}: the name must end in .csv, .ndjson, .csv.gz or .ndjson.gz")
    return f"imports/{tenant_id}/{import_id}{ending.group().lower()}"


def upload(target: Target, file: Path, tenant_id: int, import_id: str) -> None:
    """Put the file where its import begins, in parts when it is large.

    Raises:
        ValueError: it is no file, or has no ending that is known.
        RunError: S3 did not take it.
    """
    key = object_key(file, tenant_id, import_id)
    if not file.is_file():
        raise ValueError(f"{file} is no file")
    try:
        target.client("s3").upload_file(str(file), target.outputs["ImportFilesBucket"], key)
    except S3UploadFailedError as error:
        raise RunError(str(error)) from error


def report_import(target: Target, import_id: str) -> ImportReport | None:
    """An import's record; None while there is no such import.

    Raises:
        RunError: report_status failed.
    """
    payload = ask_status(target, {"import_id": import_id})
    return None if "error" in payload else ImportReport.model_validate(payload)


def watch_import(target: Target, import_id: str, show: Live, timeout_s: float) -> ImportReport:
    """Show an import until it has ended.

    Raises:
        TimeoutError: it has not ended in time; it goes on all the same.
    """
    began_s = time.monotonic()
    while True:
        report, elapsed_s = report_import(target, import_id), time.monotonic() - began_s
        show.update(_live(import_id, report, elapsed_s))
        if report is not None and report.ended_at is not None:
            return report
        if elapsed_s > timeout_s:
            what = "has not ended" if report else "has not begun (is there such a tenant? its dead letter would say)"
            raise TimeoutError(f"import {import_id} {what} after {timeout_s:.0f} s; `status {import_id}` shows it")
        time.sleep(0.5)


def write_errors(target: Target, import_id: str, file: Path) -> int:
    """Write all errors of an import as CSV, which Excel opens as it is; how many there are."""
    written, after = 0, 0
    with file.open("w", encoding="utf-8-sig", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(("line", "column", "reason"))
        while True:
            answer = ask_status(target, {"import_id": import_id, "errors_after": after})
            page = ImportErrors.model_validate(answer).errors
            writer.writerows((error.line, _cell(error.column or ""), error.reason) for error in page)
            written += len(page)
            if len(page) < ERRORS_PER_PAGE:
                return written
            after = page[-1].line


def final_import(report: ImportReport) -> Group:
    """An import's totals and first errors."""
    style = _STYLES.get(report.state, "")
    headline = Text.assemble(f"import {report.import_id} of tenant {report.tenant_id}: ", (report.state, style))
    totals = Table()
    counts = {"rows": report.rows, **report.model_dump(include={"registered", "updated", "rejected"})}
    for head in counts:
        totals.add_column(head, justify="right")
    totals.add_row(*("…" if count is None else f"{count:,}" for count in counts.values()))
    return Group(headline, totals, *_errors(report))


def _errors(report: ImportReport) -> list[Table | Text]:
    if report.reason is not None:
        return [Text(f"nothing of the file is registered: {report.reason}", style="red")]
    if not report.errors:
        return []
    table = Table()
    for head in ("line", "column", "reason"):
        table.add_column(head, justify="right" if head == "line" else "left")
    for error in report.errors:
        table.add_row(f"{error.line:,}", escape(error.column or ""), error.reason)
    return [Text(f"the first {len(report.errors)} of {report.rejected:,} errors:"), table]


def _live(import_id: str, report: ImportReport | None, elapsed_s: float) -> Text:
    if report is None:
        return Text(f"import {import_id}: waiting for the splitter …")
    done = report.registered + report.updated
    per_s = done / elapsed_s if elapsed_s > 0 else 0
    rows = "…" if report.rows is None else f"{report.rows:,}"
    left = f", {(report.rows - done - report.rejected) / per_s:,.0f} s left" if report.rows and per_s else ""
    return Text(
        f"import {import_id}: {report.state}, {done:,} of {rows} rows registered, {report.rejected:,} rejected, "
        f"{per_s:,.0f} rows/s, {elapsed_s:,.0f} s{left}"
    )


def _cell(name: str) -> str:
    """The name of an unknown field is the file's own text: no spreadsheet shall take it for a formula."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@")) else name
