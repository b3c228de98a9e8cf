"""Each recorded event through its real handler, in the environment that template.yaml gives it."""

import json
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

from tests.support.container import APPS
from tests.support.motivation_day import MotivationDay
from tests.support.night import RUN, Night, line_user_id
from tests.support.pump import Context
from tests.support.template import resources
from tools.line_double.truth import expected_status
from tools.local_stack.state import ROOT
from yomawari.messages import CheckResults

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

EVENTS = ROOT / "events"
TENANT = 7
SEEKERS = [1001, 1002, 1003]


def recorded(function: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"{function}.json").read_text(encoding="utf-8"))
    return event


@pytest.fixture
def run(night: Night) -> Night:
    """A night with the recorded tenant, dispatched but not asked about."""
    night.seed({TENANT: 0})
    for seeker_id in SEEKERS:
        night.ledger.run("INSERT INTO job_seekers VALUES (%s, %s, NULL, %s, NOW(6))", (seeker_id, TENANT, seeker_id))
        sql = "INSERT INTO line_accounts (tenant_id, job_seeker_id, line_user_id) VALUES (%s, %s, %s)"
        night.ledger.run(sql, (TENANT, seeker_id, line_user_id(seeker_id)))
    night.container.invoke("DispatchChecks", recorded("dispatch_checks"), Context(900))
    return night


def test_there_is_one_event_for_each_function() -> None:
    assert {path.stem for path in EVENTS.glob("*.json")} == {*APPS.values(), "env"}


def test_the_env_file_names_what_the_template_gives() -> None:
    """`sam local invoke` replaces only variables that the function has."""
    functions = resources("AWS::Lambda::Function")
    for name, variables in json.loads((EVENTS / "env.json").read_text(encoding="utf-8")).items():
        given = {key for key in functions[name]["Environment"]["Variables"] if not key.startswith("POWERTOOLS_")}
        assert variables.keys() == given


def test_dispatch_checks_takes_its_event(run: Night) -> None:
    (message,) = run.stack.peek("FriendChecks")
    chunk = json.loads(message["Body"])
    assert (chunk["run_id"], chunk["tenant_id"]) == (RUN, TENANT)
    assert [seeker_id for seeker_id, _ in chunk["seekers"]] == SEEKERS
    assert message["Attributes"]["MessageGroupId"] == str(TENANT)
    assert run.container.invoke("DispatchChecks", recorded("dispatch_checks")) == {
        "run_id": RUN,
        "tenants": 0,
        "seekers": 0,
        "chunks": 0,
        "skipped": 0,
        "sweeps": 0,
    }


def test_check_friends_takes_its_event(run: Night) -> None:
    event = recorded("check_friends")
    asked = [seeker for record in event["Records"] for seeker in json.loads(record["body"])["seekers"]]
    assert run.container.invoke("CheckFriends", event) == {"batchItemFailures": []}
    results = [CheckResults.model_validate_json(message["Body"]) for message in run.stack.peek("Writes")]
    friends = sorted(one for result in results for one in result.friend)
    assert friends == [seeker_id for seeker_id, line_id in asked if expected_status(str(TENANT), line_id) == 200]
    others = sorted(one for result in results for one in result.not_friend)
    assert sorted(friends + others) == [seeker_id for seeker_id, _ in asked]
    assert {(result.run_id, result.tenant_id) for result in results} == {(RUN, TENANT)}


def test_write_results_takes_its_event(run: Night) -> None:
    assert run.container.invoke("WriteResults", recorded("write_results")) == {"batchItemFailures": []}
    statuses = {seeker_id: row.status for (_, seeker_id), row in run.ledger.accounts().items()}
    assert statuses == {1001: "friend", 1002: "not_friend", 1003: "friend"}
    assert [(event["run_id"], event["state"]) for event in run.stack.announced()] == [(RUN, "completed")]


def test_sweep_followers_takes_its_event(run: Night) -> None:
    run.double.control.set_followers(str(TENANT), verified=True)
    run.double.control.add_follower_ids(str(TENANT), [line_user_id(seeker_id) for seeker_id in SEEKERS])
    assert run.container.invoke("SweepFollowers", recorded("sweep_followers"), Context(300)) == {
        "batchItemFailures": []
    }
    compared, counted = sorted(
        (CheckResults.model_validate_json(message["Body"]) for message in run.stack.peek("Writes")),
        key=lambda results: results.seekers is not None,
    )
    statuses = {one: expected_status(str(TENANT), line_user_id(one)) for one in SEEKERS}
    assert compared.friend == [one for one, status in statuses.items() if status == 200]
    assert compared.not_friend == [one for one, status in statuses.items() if status == 404]
    assert counted.seekers == len(SEEKERS)


def test_report_status_takes_its_event(run: Night) -> None:
    report = run.container.invoke("ReportStatus", recorded("report_status"))
    assert (report["run_id"], report["state"], report["totals"]["seekers"]) == (RUN, "running", len(SEEKERS))


def test_notify_change_takes_its_event(motivation_day: MotivationDay) -> None:
    body = json.loads(recorded("notify_change")["Records"][0]["body"])
    motivation_day.add_people(1, 2)
    motivation_day.tables.add_user(body["user_id"], "changer")
    motivation_day.tables.connect(body["user_id"], 1)
    motivation_day.tables.run("UPDATE user_job_change_motivation_histories SET user_id = %s", body["user_id"])
    answer = motivation_day.night.container.invoke("NotifyChange", recorded("notify_change"))
    assert answer == {"batchItemFailures": []}
    assert motivation_day.told().keys() == {1}


def test_dispatch_summaries_takes_its_event(night: Night) -> None:
    counts = dict.fromkeys(("tenants", "recipients", "changes", "chunks"), 0)
    assert night.container.invoke("DispatchSummaries", recorded("dispatch_summaries")) == {
        "day": "2025-11-20",
        **counts,
    }


def test_send_summaries_takes_its_event(night: Night) -> None:
    chunk = json.loads(recorded("send_summaries")["Records"][0]["body"])
    night.put_token(chunk["tenant_id"])
    assert night.container.invoke("SendSummaries", recorded("send_summaries")) == {"batchItemFailures": []}
    deliveries = night.double.control.deliveries(str(chunk["tenant_id"]))
    assert deliveries.keys() == {one["line_user_id"] for one in chunk["recipients"]}
    report = night.container.invoke("ReportStatus", {"day": chunk["day"]})
    assert report["summary"]["sent"] == 1


def test_split_import_takes_its_event(night: Night) -> None:
    night.seed({TENANT: 0})
    assert night.container.invoke("SplitImport", recorded("split_import")) == {"batchItemFailures": []}
    import_id = Path(s3_object("key")).stem
    report = night.container.invoke("ReportStatus", {"import_id": import_id})
    assert (report["tenant_id"], report["object_key"]) == (TENANT, s3_object("key"))
    assert (report["state"], report["reason"]) == ("rejected", "the file is not there any more")


def test_register_seekers_takes_its_event(night: Night) -> None:
    night.seed({TENANT: 0})
    night.container.invoke("SplitImport", recorded("split_import"))
    assert night.container.invoke("RegisterSeekers", recorded("register_seekers")) == {"batchItemFailures": []}
    keys = night.ledger.run("SELECT external_key, user_id FROM job_seekers ORDER BY id")
    assert keys == [("seeker-1001", None), ("seeker-1002", 12)]
    assert len(night.ledger.accounts()) == 1


def s3_object(name: str) -> str:
    """Something that the recorded event says of the file."""
    body = json.loads(recorded("split_import")["Records"][0]["body"])
    return str(body["detail"]["object"][name])


def test_report_status_says_so_when_there_is_no_such_run(night: Night) -> None:
    assert night.container.invoke("ReportStatus", {"run_id": RUN}) == {"error": f"there is no run {RUN}"}
    assert night.container.invoke("ReportStatus", {}) == {"error": "there is no run latest"}


@pytest.mark.parametrize(
    "function",
    [
        *("check_friends", "write_results", "notify_change", "send_summaries"),
        *("split_import", "register_seekers", "sweep_followers"),
    ],
)
def test_recorded_bodies_have_the_digest_that_sqs_would_give(function: str) -> None:
    for record in recorded(function)["Records"]:
        assert record["md5OfBody"] == md5(record["body"].encode(), usedforsecurity=False).hexdigest()
