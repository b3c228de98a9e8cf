"""The `yomawari` command on a local stack of real parts: the template deployed by the SAM CLI, queues, functions."""

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from typer.testing import CliRunner, Result

from tools.cli.app import app
from tools.demo.sweep import verify_accounts
from tools.demo.verify import verify
from tools.line_double.control_client import DoubleControl
from tools.line_double.followers import FollowerRules
from tools.line_double.truth import token_for
from tools.local_stack import StackState, running
from tools.seed.job_seekers import seed
from tools.seed.motivations import motivation_sizes, seed_motivations
from tools.seed.sizes import tenant_sizes
from yomawari.domain.days import DayReport
from yomawari.domain.imports import ImportReport
from yomawari.domain.runs import TOKYO, RunReport

SEEKERS, TENANTS, WITHOUT_TOKEN, REVOKED, VERIFIED = 3_000, 5, 4, 2, 3
RUN_ID, SCHEDULED = 202611220200, "2026-11-21T17:00:00Z"


@pytest.fixture(scope="module")
def stack() -> Iterator[StackState]:
    options = ("--latency-ms=20", "--jitter-ms=5", "--error-share=0.02", "--cut-share=0.005")
    with running("e2e", line_double=options) as state:
        seed(state, tenant_sizes(TENANTS, SEEKERS), without_token=frozenset({WITHOUT_TOKEN}))
        verify_accounts(state, frozenset({VERIFIED}))
        with state.database.connect() as connection, connection.cursor() as cursor:
            connection.select_db(state.database.name)
            cursor.execute("UPDATE line_channels SET check_by = 'profile' WHERE tenant_id = %s", (REVOKED,))
            connection.commit()
        yield state


@pytest.fixture
def line(stack: StackState) -> Iterator[DoubleControl]:
    control = DoubleControl(stack.line_url)
    yield control
    control.close()


def yomawari(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--local", "e2e"], env={"COLUMNS": "160"})


def status(run_id: int = RUN_ID) -> RunReport:
    return RunReport.model_validate_json(yomawari("status", str(run_id), "--json").stdout)


def test_a_night_with_a_refused_channel_is_completed_by_a_redrive(
    stack: StackState, line: DoubleControl, tmp_path: Path
) -> None:
    line.set_token(token_for(str(REVOKED)), revoked=True)
    night = yomawari("night", "--at", SCHEDULED, "--timeout-s", "120")
    assert night.exit_code == 1, night.stdout
    assert "completed_with_failures" in night.stdout
    refused = skipped_and_refused(status())

    assert "0 messages" in yomawari("redrive", "--tenant", "1").stdout
    line.set_token(token_for(str(REVOKED)), revoked=False)
    moved = yomawari("redrive")
    assert f"{refused:,} job seekers of 1 tenants moved" in moved.stdout, moved.stdout
    run = wait_for("completed")
    assert {tenant.state for tenant in run.tenants} == {"dispatched", "skipped"}
    verdict = verify(stack, run)
    assert verdict.problems == []
    assert verdict.matched == SEEKERS

    the_same_night_again_asks_nobody(run, line)
    the_morning_question_finds_the_run(stack)
    changes_are_told_and_summed_up(stack, line)
    a_file_is_registered(tmp_path)
    a_list_that_is_suddenly_empty_is_held_and_dropped(stack, line)


def skipped_and_refused(run: RunReport) -> int:
    """How many job seekers failed because their channel was refused."""
    by_tenant = {tenant.tenant_id: tenant for tenant in run.tenants}
    assert (by_tenant[WITHOUT_TOKEN].state, by_tenant[WITHOUT_TOKEN].reason) == ("skipped", "no token")
    refused = by_tenant[REVOKED]
    assert (refused.state, refused.reason, refused.settled) == ("closed", "unauthorized", refused.invalid)
    assert refused.failed + refused.invalid == refused.seekers
    return refused.failed


def the_same_night_again_asks_nobody(before: RunReport, line: DoubleControl) -> None:
    calls = line.report().totals.calls
    assert yomawari("night", "--at", SCHEDULED, "--timeout-s", "60").exit_code == 0
    assert status() == before
    assert line.report().totals.calls == calls


def the_morning_question_finds_the_run(stack: StackState) -> None:
    answer = boto3.client("lambda", **stack.client_options()).invoke(
        FunctionName=stack.outputs["ReportStatusFunction"],
        Payload=json.dumps({"scheduled_time": "2026-11-21T20:00:00Z"}),
    )
    assert json.loads(answer["Payload"].read())["run_id"] == RUN_ID


def changes_are_told_and_summed_up(stack: StackState, line: DoubleControl) -> None:
    seed_motivations(stack, motivation_sizes(SEEKERS), datetime.now(UTC))
    told = yomawari("notify", "--changes", "6", "--timeout-s", "60")
    assert told.exit_code == 0, told.stdout
    today = datetime.now(TOKYO).date().isoformat()
    for _ in range(2):
        summed_up = yomawari("summary", "--date", today, "--timeout-s", "60")
        assert summed_up.exit_code == 0, summed_up.stdout
    report = DayReport.model_validate_json(yomawari("status", today, "--json").stdout)
    assert (report.changes, report.untold) == (6, {})
    assert report.summary.sent == report.summary.recipients > 0
    assert today in yomawari("status", today).stdout
    sent = [one for tenant in range(1, TENANTS + 1) for one in line.deliveries(str(tenant)).values()]
    by_endpoint = Counter(delivery.endpoint for deliveries in sent for delivery in deliveries)
    assert by_endpoint == {"multicast": report.recorded, "push": report.summary.sent}
    too_many = yomawari("notify", "--changes", "100000")
    assert too_many.exit_code == 1
    assert "nobody was told about" in too_many.stdout


def a_file_is_registered(directory: Path) -> None:
    """From the file to the bucket, over both queues, and back as a table, as JSON and as CSV."""
    file, errors = directory / "seekers.csv", directory / "errors.csv"
    file.write_text("external_key,line_user_id\r\n髙橋,\r\nb,U\r\n", encoding="cp932", newline="")
    done = yomawari("import", str(file), "--tenant", "1", "--errors", str(errors), "--timeout-s", "60")
    assert done.exit_code == 1, done.stdout
    assert "completed_with_errors" in done.stdout
    assert "must be U and 32 hex digits" in done.stdout
    assert errors.read_text(encoding="utf-8-sig").splitlines()[1].startswith("3,line_user_id,")
    import_id = re.search(r"import ([0-9a-f-]+) of tenant 1", done.stdout)
    assert import_id is not None
    report = ImportReport.model_validate_json(yomawari("status", import_id[1], "--json").stdout)
    assert (report.rows, report.registered, report.rejected) == (2, 1, 1)
    assert "there is no import nowhere" in yomawari("status", "nowhere").stdout


def a_list_that_is_suddenly_empty_is_held_and_dropped(stack: StackState, line: DoubleControl) -> None:
    line.set_follower_rules(FollowerRules(hides_everyone=True), str(VERIFIED))
    checked = yomawari("check", "--tenant", str(VERIFIED), "--timeout-s", "60")
    assert (checked.exit_code, "completed_with_holds" in checked.stdout) == (1, True), checked.stdout
    run_id = re.findall(r"run (\d{12})", checked.stdout)[0]
    assert "there is no tenant 9" in yomawari("release", run_id, "--tenant", "9").stdout
    assert (
        "friends lost are being dropped" in yomawari("release", run_id, "--tenant", str(VERIFIED), "--discard").stdout
    )
    held = wait_for("completed", int(run_id)).tenants[0]
    assert (held.valve, held.lost) == ("discarded", held.friends_before)
    assert friends_of(stack, VERIFIED) == held.friends_before > 50


def friends_of(stack: StackState, tenant_id: int) -> int:
    """How many friends a tenant has, by MySQL."""
    with stack.database.connect() as connection, connection.cursor() as cursor:
        connection.select_db(stack.database.name)
        sql = "SELECT COUNT(*) FROM line_accounts WHERE tenant_id = %s AND friend_status = 'friend'"
        cursor.execute(sql, (tenant_id,))
        return int(cursor.fetchall()[0][0])


@pytest.mark.usefixtures("stack")
def test_what_does_not_exist_is_named() -> None:
    missing = yomawari("status", "202001010200")
    assert missing.exit_code == 1
    assert "there is no run 202001010200" in missing.stdout
    nowhere = CliRunner().invoke(app, ["status", "--local", "nowhere"])
    assert nowhere.exit_code == 1
    assert "nowhere" in nowhere.stdout


def wait_for(state: str, run_id: int = RUN_ID) -> RunReport:
    deadline_s = time.monotonic() + 60
    while (run := status(run_id)).state != state:
        assert time.monotonic() < deadline_s, f"the run is {run.state}"
        time.sleep(0.5)
    return run
