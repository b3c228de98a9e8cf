"""The demonstration: register job seekers, run a night, tell changes and sum them up, verify, report."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.live import Live

from tools.cli.progress import LIMIT_PER_S, final, watch
from tools.cli.runs import start
from tools.cli.target import Target
from tools.demo.notifications import notifications
from tools.demo.registration import register
from tools.demo.sweep import asked_by_profile, profile_calls, sweep_figures, verified_of, verify_accounts
from tools.demo.verify import verify
from tools.line_double.control_client import DoubleControl, Report
from tools.local_stack import LOCAL, running
from tools.seed.sizes import tenant_sizes
from yomawari.domain.runs import RunReport

DOUBLE: Final[Sequence[str]] = ("--latency-ms=60", "--jitter-ms=10", "--error-share=0.01", "--cut-share=0.002")
FIGURES: Final[Path] = LOCAL / "demo.json"
_SECONDS_PER_SEEKER: Final = 0.002


def demo(seekers: int, tenants: int, console: Console) -> bool:
    """Run it all on a fresh local stack and write `.local/demo.json`; whether everything was as it must be.

    The last but one tenant has no token: it must be skipped, and everybody else served; a third by their lists.
    """
    without_token = frozenset({tenants - 1}) if tenants > 1 else frozenset[int]()
    console.print(f"starting the local stack, for {seekers:,} job seekers of {tenants} tenants …")
    with running("demo", line_double=DOUBLE) as stack:
        sizes = tenant_sizes(tenants, seekers)
        verified = verified_of(sizes, without_token)
        registered = register(stack, sizes, console, without_token=without_token)
        verify_accounts(stack, verified)
        target = Target(stack.stack_name, stack)
        began_s = time.monotonic()
        run_id = start(target)
        with Live(console=console, refresh_per_second=4, transient=True) as show:
            run = watch(target, run_id, show, timeout_s=300 + seekers * _SECONDS_PER_SEEKER)
        wall_s = time.monotonic() - began_s
        control = DoubleControl(stack.line_url)
        asked = control.report()
        control.close()
        verdict = verify(stack, run)
        console.print(final(run))
        told = notifications(stack, seekers, console)
    for problem in registered.problems + verdict.problems + told.problems:
        console.print(f"[red]{problem}[/]")
    figures = _figures(run, asked, wall_s, verified)
    figures["sweep"] = sweep_figures(run, asked, verified)
    is_verified = verdict.matched == verdict.seekers == seekers and not verdict.problems and _kept_limits(figures)
    is_verified = is_verified and not registered.problems and told.figures["verified"] and figures["sweep"]["verified"]
    figures["registration"] = registered.figures
    figures |= {"seekers": verdict.seekers, "matched": verdict.matched, "verified": is_verified}
    figures["notifications"] = told.figures
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n")
    console.print({name: figures[name] for name in figures if name != "peak_per_s_by_channel"})
    return is_verified


def _figures(run: RunReport, asked: Report, wall_s: float, verified: frozenset[int]) -> dict[str, Any]:
    return {
        "settled": run.totals.settled,
        "failed": run.totals.failed,
        "tenants_skipped": sum(tenant.state == "skipped" for tenant in run.tenants),
        "wall_s": round(wall_s, 1),
        "calls": asked.totals.calls,
        "calls_per_s": round(asked.totals.calls_per_s),
        "limit_per_s": LIMIT_PER_S,
        "peak_per_s_by_channel": {
            tenant: max(lane.peak_per_s for lane in lanes.values()) for tenant, lanes in asked.channels.items()
        },
        "retries": profile_calls(asked) - asked_by_profile(run, verified),
    }


def _kept_limits(figures: dict[str, Any]) -> bool:
    peaks_per_s: dict[str, int] = figures["peak_per_s_by_channel"]
    return figures["failed"] == 0 and max(peaks_per_s.values()) <= LIMIT_PER_S
