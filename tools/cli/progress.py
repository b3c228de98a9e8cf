"""What `night` and `status` show: a run's tenants, live or as a final table."""

import time
from collections.abc import Mapping
from typing import Final

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tools.cli.runs import CallRates, report
from tools.cli.target import Target
from yomawari.domain.runs import Counts, RunReport, TenantReport

LIMIT_PER_S: Final = 2_000
_ROWS: Final = 24
_STYLES: Final = {"skipped": "yellow", "closed": "red", "held": "red", "pending": "dim"}


def live(run: RunReport | None, rates: Mapping[int, float], elapsed_s: float) -> Group:
    """The run as it stands: the tenants at work first, as many as fit on a screen."""
    if run is None:
        return Group(Text("the dispatcher is starting …"))
    shown = sorted(run.tenants, key=lambda tenant: (_is_done(tenant), -rates.get(tenant.tenant_id, 0)))[:_ROWS]
    table = Table(title=f"run {run.run_id}: {run.state}", title_justify="left")
    for column in ("tenant", "settled", "", "friends", "failed", "rate now / limit", "time left"):
        table.add_column(column, justify="left" if column in {"tenant", ""} else "right")
    for tenant in shown:
        table.add_row(*_row(tenant, rates.get(tenant.tenant_id, 0)), style=_STYLES.get(tenant.state, ""))
    hidden = len(run.tenants) - len(shown)
    return Group(table, _footer(run, sum(rates.values()), elapsed_s, hidden))


def final(run: RunReport) -> Table:
    """A run's tenants and totals, for the end of a night and for `status`."""
    table = Table(title=f"run {run.run_id}: {run.state}", show_footer=True)
    totals = run.totals
    feet = ["all", "", _n(totals.seekers), _n(totals.settled), _n(totals.friends), _n(totals.not_friends)]
    feet += [_n(totals.invalid), _n(totals.failed), f"{totals.passed_over:,} passed over" if totals.passed_over else ""]
    heads = ["tenant", "state", "seekers", "settled", "friends", "not friends", "invalid", "failed", "reason"]
    for head, foot in zip(heads, feet, strict=True):
        table.add_column(head, foot, justify="left" if head in {"tenant", "state", "reason"} else "right")
    for one in run.tenants:
        counts = (one.seekers, one.settled, one.friends, one.not_friends, one.invalid, one.failed)
        style = "red" if one.failed else _STYLES.get(one.state, "")
        table.add_row(f"{one.tenant_id} {one.name}", one.state, *map(_n, counts), one.reason or "", style=style)
    return table


def watch(target: Target, run_id: int, show: Live, timeout_s: float) -> RunReport:
    """Show a run until it has ended.

    Raises:
        TimeoutError: it has not ended in time; it goes on all the same.
    """
    rates, began_s = CallRates(target), time.monotonic()
    while True:
        run, elapsed_s = report(target, run_id), time.monotonic() - began_s
        show.update(live(run, rates.now(), elapsed_s))
        if run is not None and run.ended_at is not None:
            return run
        if elapsed_s > timeout_s:
            raise TimeoutError(f"run {run_id} has not ended after {timeout_s:.0f} s; `status {run_id}` shows it")
        time.sleep(1)


def _row(tenant: TenantReport, rate_per_s: float) -> tuple[str | Text | ProgressBar, ...]:
    done, seekers = _done(tenant), tenant.seekers
    left_s = (seekers - done) / rate_per_s if seekers is not None and rate_per_s > 0 else None
    return (
        f"{tenant.tenant_id} {tenant.name}"[:28],
        f"{done:,} / {_n(seekers)}",
        ProgressBar(total=seekers or 1, completed=done, width=16) if tenant.state != "skipped" else tenant.reason or "",
        f"{tenant.friends:,}",
        f"{tenant.failed:,}",
        f"{rate_per_s:,.0f} / {LIMIT_PER_S:,}",
        f"{left_s:,.0f} s" if left_s is not None and seekers != done else "",
    )


def _footer(run: RunReport, rate_per_s: float, elapsed_s: float, hidden: int) -> Text:
    done, seekers = _done(run.totals), run.totals.seekers
    per_s = done / elapsed_s if elapsed_s > 0 else 0
    left = f", {(seekers - done) / per_s:,.0f} s left" if seekers and per_s > 0 else ""
    more = f"{hidden} more tenants; " if hidden else ""
    return Text(
        f"{more}{done:,} of {_n(seekers)} settled, {run.totals.failed:,} failed, "
        f"{rate_per_s:,.0f} calls/s, {elapsed_s:,.0f} s{left}"
    )


def _is_done(tenant: TenantReport) -> bool:
    return tenant.state == "skipped" or (tenant.seekers is not None and _done(tenant) >= tenant.seekers)


def _done(counts: Counts) -> int:
    return counts.settled + counts.failed + counts.passed_over


def _n(number: int | None) -> str:
    return "…" if number is None else f"{number:,}"
