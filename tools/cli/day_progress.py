"""What `notify`, `summary` and `status <day>` show, live or as a final table."""

import time
from collections.abc import Callable
from datetime import date

from rich.live import Live
from rich.table import Table

from tools.cli.motivations import is_idle, report_day
from tools.cli.target import Target
from yomawari.domain.days import DayReport

_LOOK_EVERY_S = 0.5


def day_table(report: DayReport) -> Table:
    """A day's changes and their summary; what is still open by tenant."""
    summary = report.summary
    table = Table(title=f"{report.day}: notifications and their summary", show_header=False)
    table.add_column("what")
    table.add_column("count", justify="right")
    table.add_column("by tenant")
    table.add_row("changes told or being told", f"{report.changes:,}")
    table.add_row("of them not told to everybody yet", f"{sum(report.untold.values()):,}", _by_tenant(report.untold))
    table.add_row("people recorded, once per change", f"{report.recorded:,}")
    at = f"{summary.dispatched_at:%Y-%m-%d %H:%M} UTC" if summary.dispatched_at else "not dispatched"
    table.add_row("people with a summary", f"{summary.recipients:,}", at, end_section=True)
    table.add_row("sent", f"{summary.sent:,}")
    table.add_row("not known to LINE", f"{summary.rejected:,}")
    table.add_row("begun, outcome unknown", f"{sum(summary.claimed.values()):,}", _by_tenant(summary.claimed))
    return table


def watch_changes(target: Target, day: date, changes: int, show: Live, timeout_s: float) -> DayReport:
    """Show a day until so many changes were taken up, told and recorded, or given up.

    Raises:
        TimeoutError: it takes longer; it goes on all the same.
    """

    def is_done(report: DayReport) -> bool:
        return report.changes >= changes and is_idle(target, "MotivationChanges", "Writes")

    _watch(target, day, is_done, show, timeout_s)
    return report_day(target, day)  # the last look was before the queues were idle, and may lack what came between


def watch_summary(target: Target, before: DayReport, show: Live, timeout_s: float) -> DayReport:
    """Show a day until a summary that was started after `before` has been dispatched and everybody is settled.

    Raises:
        TimeoutError: it takes longer; it goes on all the same.
    """

    def is_done(report: DayReport) -> bool:
        return report.summary.dispatched_at != before.summary.dispatched_at and report.summary.is_done

    return _watch(target, before.day, is_done, show, timeout_s)


def _watch(target: Target, day: date, is_done: Callable[[DayReport], bool], show: Live, timeout_s: float) -> DayReport:
    deadline_s = time.monotonic() + timeout_s
    while True:
        report = report_day(target, day)
        show.update(day_table(report))
        if is_done(report):
            return report
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{day} is not done after {timeout_s:.0f} s; `status {day}` shows it")
        time.sleep(_LOOK_EVERY_S)


def _by_tenant(counts: dict[int, int]) -> str:
    return ", ".join(f"{tenant_id}: {count:,}" for tenant_id, count in counts.items())
