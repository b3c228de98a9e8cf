"""The `yomawari` command: the local stack, the nightly round, and what an operator needs at 2 a.m."""

import subprocess
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Final, ParamSpec

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.live import Live
from rich.markup import escape

from tools import local_stack
from tools.cli import progress, runs
from tools.cli import redrive as redriving
from tools.cli.target import Target, TargetError
from tools.demo.round import DOUBLE
from tools.demo.round import demo as run_demo
from tools.seed.job_seekers import seed as seed_stack
from tools.seed.sizes import tenant_sizes

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
console = Console()
if not console.is_terminal:
    console.width = max(console.width, 120)  # a log has no edge to wrap at

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
    """Fill a local stack with tenants of very different sizes, and their job seekers."""
    seed_stack(local_stack.load_state(local), tenant_sizes(tenants, seekers))
    console.print(f"{seekers:,} job seekers of {tenants} tenants")


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
def status(
    run: Annotated[str, typer.Argument(help="A run's id, such as 202611220200.")] = "latest",
    local: Local = None,
    stack: Stack = "yomawari-dev",
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show a run, the latest unless one is named."""
    record = runs.report(Target.named(local, stack), run if run == "latest" else int(run))
    if record is None:
        raise runs.RunError(f"there is no run {run}")
    if as_json:
        print(record.model_dump_json(indent=2))
    else:
        console.print(progress.final(record))


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
    tenant: Annotated[int | None, typer.Option(help="Only this tenant's chunks.")] = None,
    local: Local = None,
    stack: Stack = "yomawari-dev",
) -> None:
    """Move dead-lettered chunks back to their queues; channels that LINE had refused are opened again."""
    moved = redriving.redrive(Target.named(local, stack), tenant)
    console.print(f"{moved.messages} messages with {moved.seekers:,} job seekers of {len(moved.tenants)} tenants moved")
    if moved.channels:
        console.print(f"{moved.channels} of them are sweeps of a whole channel")
    if moved.others:
        console.print(f"{moved.others} messages of other tenants left")
    for reason in moved.unreadable:
        console.print(f"[yellow]left, because it cannot be read: {escape(reason)}[/]")


@app.command()
@explained
def demo(seekers: int = 20_000, tenants: int = 20) -> None:
    """Run the nightly round on a fresh local stack and verify every row against the LINE double's truth."""
    if not run_demo(seekers, tenants, console):
        console.print("[red]not verified[/]")
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
