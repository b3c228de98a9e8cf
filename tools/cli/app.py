"""The `yomawari` command: the local stack, the nightly round, and what an operator needs at 2 a.m."""

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from datetime import date as date_of
from functools import wraps
from pathlib import Path
from typing import Annotated, Final, ParamSpec

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console, RenderableType
from rich.live import Live
from rich.markup import escape

from tools import local_stack
from tools.cli import day_progress, imports, motivations, progress, runs
from tools.cli import redrive as redriving
from tools.cli.target import Target, TargetError
from tools.demo.round import DOUBLE
from tools.demo.round import demo as run_demo
from tools.seed.job_seekers import seed as seed_stack
from tools.seed.motivations import motivation_sizes, seed_motivations
from tools.seed.sizes import tenant_sizes

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
console = Console()
if not console.is_terminal:
    console.width = max(console.width, 120)  # a log has no edge to wrap at

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_SAM: Final = Path(sys.prefix).parent / ".venv-sam" / "bin" / "sam"
_FAULTS: Final = (
    TargetError,
    runs.RunError,
    local_stack.LocalStackError,
    ClientError,
    BotoCoreError,
    TimeoutError,
    ValueError,
)

Local = Annotated[
    str | None,
    typer.Option("--local", envvar="YOMAWARI_LOCAL", help="A local stack's name. Without it: the AWS account at hand."),
]
Stack = Annotated[
    str, typer.Option("--stack", envvar="YOMAWARI_STACK", help="The CloudFormation stack on AWS.", show_default=True)
]
Name = Annotated[str, typer.Option("--local", envvar="YOMAWARI_LOCAL", help="The local stack's name.")]


P = ParamSpec("P")


def explained(command: Callable[P, None]) -> Callable[P, None]:
    """Say in a line what went wrong and end with status 1; a traceback is for what nobody expected."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except _FAULTS as fault:
            console.print(f"[red]{escape(str(fault))}[/]")
            raise typer.Exit(1) from fault

    return wrapped


@app.command()
@explained
def up(local: Name = "dev") -> None:
    """Start a local stack (MiniStack, MariaDB, the LINE double) and deploy to it; it runs until `down`."""
    state = local_stack.deploy(local_stack.up(local, line_double=DOUBLE))
    console.print(f"local stack {local!r} is up: AWS at {state.endpoint_url}, LINE at {state.line_url}")


@app.command()
@explained
def down(local: Name = "dev") -> None:
    """Stop a local stack and remove its files."""
    local_stack.down(local)
    console.print(f"local stack {local!r} is down")


@app.command()
@explained
def deploy(
    local: Local = None,
    env: Annotated[str, typer.Option(help="On AWS: dev, staging or prod of samconfig.toml.")] = "dev",
) -> None:
    """Build and deploy template.yaml, to a local stack that is up or to the AWS account at hand."""
    if local is not None:
        local_stack.deploy(local_stack.load_state(local))
        return
    root = local_stack.LOCAL.parent
    for command in (["build"], ["deploy", "--config-env", env]):
        if (code := subprocess.run([_SAM, *command], cwd=root, check=False).returncode) != 0:
            raise typer.Exit(code)


@app.command()
@explained
def seed(seekers: int = 20_000, tenants: int = 20, local: Name = "dev") -> None:
    """Fill a local stack with tenants of very different sizes, their job seekers, and people who change."""
    state = local_stack.load_state(local)
    seed_stack(state, tenant_sizes(tenants, seekers))
    sizes = motivation_sizes(seekers)
    seed_motivations(state, sizes, datetime.now(UTC))
    console.print(
        f"{seekers:,} job seekers of {tenants} tenants, {sizes.users:,} people, {2 * sizes.changes_per_kind} changes"
    )


@app.command()
@explained
def night(
    local: Local = None,
    stack: Stack = "yomawari-dev",
    at: Annotated[
        str | None, typer.Option(help="The scheduled time, as 2026-11-21T17:00:00Z; now if left out.")
    ] = None,
    timeout_s: Annotated[float, typer.Option(help="How long to watch.")] = 7200,
) -> None:
    """Start the nightly round and watch it: settled, friends, rate against the limit, failures, time left."""
    target = Target.named(local, stack)
    run_id = runs.start(target, at)
    with Live(console=console, refresh_per_second=4, transient=True) as show:
        run = progress.watch(target, run_id, show, timeout_s)
    console.print(progress.final(run))
    if run.state != "completed":
        raise typer.Exit(1)


@app.command()
@explained
def notify(
    changes: Annotated[int, typer.Option(help="How many of the seeded changes.", min=1)] = 50,
    local: Name = "dev",
    timeout_s: Annotated[float, typer.Option(help="How long to watch.")] = 600,
) -> None:
    """Emit changes of motivation for a local stack's seeded data, and watch them being told and recorded."""
    target, day = Target.named(local, ""), motivations.today()
    picked = motivations.pick_changes(local_stack.load_state(local), changes)
    before = motivations.report_day(target, day)
    motivations.emit(target, picked)
    with Live(console=console, refresh_per_second=4, transient=True) as show:
        report = day_progress.watch_changes(target, day, before.changes + changes, show, timeout_s)
    console.print(day_progress.day_table(report))
    if report.untold:
        raise typer.Exit(1)


@app.command()
@explained
def summary(
    date: Annotated[datetime | None, typer.Option(help="The day it is about; yesterday if left out.")] = None,
    local: Local = None,
    stack: Stack = "yomawari-dev",
    timeout_s: Annotated[float, typer.Option(help="How long to watch.")] = 3600,
) -> None:
    """Start the summary of a day and watch it being sent; nobody gets a second one, however often it is started."""
    target = Target.named(local, stack)
    before = motivations.report_day(target, date.date() if date else motivations.today() - timedelta(days=1))
    motivations.start_summary(target, before.day)
    with Live(console=console, refresh_per_second=4, transient=True) as show:
        report = day_progress.watch_summary(target, before, show, timeout_s)
    console.print(day_progress.day_table(report))


@app.command()
@explained
def status(
    what: Annotated[
        str, typer.Argument(help="A run's id (202611220200), a day (2026-11-22), or an import's id.")
    ] = "latest",
    local: Local = None,
    stack: Stack = "yomawari-dev",
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show a run, the latest unless one is named; a day's notifications and their summary; or an import."""
    target = Target.named(local, stack)
    if _DAY.fullmatch(what):
        day = motivations.report_day(target, date_of.fromisoformat(what))
        _show(day.model_dump_json(indent=2) if as_json else day_progress.day_table(day))
    elif what == "latest" or what.isdecimal():
        run = runs.report(target, what if what == "latest" else int(what))
        if run is None:
            raise runs.RunError(f"there is no run {what}")
        _show(run.model_dump_json(indent=2) if as_json else progress.final(run))
    else:
        found = imports.report_import(target, what)
        if found is None:
            raise runs.RunError(f"there is no import {what}")
        _show(found.model_dump_json(indent=2) if as_json else imports.final_import(found))


def _show(report: RenderableType | str) -> None:
    """JSON as it is, for scripts; a table for people."""
    if isinstance(report, str):
        print(report)
    else:
        console.print(report)


@app.command("import")
@explained
def import_file(  # noqa: PLR0913, PLR0917 - one argument for each option
    file: Annotated[Path, typer.Argument(help="CSV or NDJSON, .gz or not.")],
    tenant: Annotated[int, typer.Option(min=1, help="Whose job seekers these are.")],
    errors: Annotated[Path | None, typer.Option(help="Where to write all errors, as CSV.")] = None,
    timeout_s: Annotated[float, typer.Option(help="How long to watch.")] = 3600,
    local: Local = None,
    stack: Stack = "yomawari-dev",
) -> None:
    """Register a file of job seekers, and show what became of it; status 1 if anything was rejected."""
    target, import_id = Target.named(local, stack), imports.new_import_id(datetime.now(UTC))
    imports.upload(target, file, tenant, import_id)
    with Live(console=console, refresh_per_second=4, transient=True) as show:
        report = imports.watch_import(target, import_id, show, timeout_s)
    console.print(imports.final_import(report))
    if errors is not None:
        console.print(f"{imports.write_errors(target, import_id, errors):,} errors written to {escape(str(errors))}")
    if report.state != "completed":
        raise typer.Exit(1)


@app.command()
@explained
def check(
    tenant: Annotated[int, typer.Option(help="Whose job seekers.")],
    job_seeker: Annotated[list[int] | None, typer.Option(help="Just these; everybody if left out.")] = None,
    local: Local = None,
    stack: Stack = "yomawari-dev",
    timeout_s: Annotated[float, typer.Option(help="How long to watch.")] = 7200,
) -> None:
    """Ask LINE again now, outside the round: about a tenant's job seekers, or some of them."""
    target = Target.named(local, stack)
    run_id = runs.check(target, tenant, job_seeker or [])
    with Live(console=console, refresh_per_second=4, transient=True) as show:
        run = progress.watch(target, run_id, show, timeout_s)
    console.print(progress.final(run))
    if run.state != "completed":
        raise typer.Exit(1)


@app.command()
@explained
def release(
    run: Annotated[int, typer.Argument(help="The run's id.")],
    tenant: Annotated[int, typer.Option(help="The tenant that is held.")],
    discard: Annotated[bool, typer.Option("--discard", help="Drop the losses: these are friends still.")] = False,
    local: Local = None,
    stack: Stack = "yomawari-dev",
) -> None:
    """Write a tenant's held losses after all, or drop them."""
    target = Target.named(local, stack)
    shown = runs.held(runs.report(target, run), run, tenant)
    runs.release(target, run, tenant, discard=discard)
    what = "dropped" if discard else "written"
    console.print(f"{shown.lost:,} of {shown.friends_before:,} friends lost are being {what}; `status {run}` shows it")


@app.command()
@explained
def redrive(
    tenant: Annotated[int | None, typer.Option(help="Only this tenant's messages.")] = None,
    local: Local = None,
    stack: Stack = "yomawari-dev",
) -> None:
    """Move dead letters back to their queues; channels that LINE had refused are opened again."""
    moved = redriving.redrive(Target.named(local, stack), tenant)
    console.print(f"{moved.messages} messages with {moved.seekers:,} job seekers of {len(moved.tenants)} tenants moved")
    if moved.channels:
        console.print(f"{moved.channels} of them are sweeps of a whole channel")
    if moved.others:
        console.print(f"{moved.others} messages of other tenants left")
    for reason in moved.unreadable:
        console.print(f"[yellow]left, because it cannot be read, or was refused: {escape(reason)}[/]")


@app.command()
@explained
def demo(seekers: int = 20_000, tenants: int = 20) -> None:
    """Run the nightly round on a fresh local stack and verify every row against the LINE double's truth."""
    if not run_demo(seekers, tenants, console):
        console.print("[red]not verified[/]")
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
