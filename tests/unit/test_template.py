"""The rules that template.yaml keeps, read off its translation."""

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from tests.support.template import (
    Json,
    as_list,
    number,
    parameters,
    resources,
    statements,
    target,
    translated,
)
from tools import lint_template
from yomawari.usecases.follow_up import Sent

DEFAULTS = parameters()
FUNCTIONS = resources("AWS::Lambda::Function")
MAPPINGS = resources("AWS::Lambda::EventSourceMapping")
QUEUES = resources("AWS::SQS::Queue")
ROLES = resources("AWS::IAM::Role")
ALARMS = resources("AWS::CloudWatch::Alarm")
RULES = resources("AWS::Events::Rule")
SCHEDULES = resources("AWS::Scheduler::Schedule")
DEAD_LETTERS = {name for name in QUEUES if name.endswith("DeadLetters")}
TIMEOUTS = lint_template.parse()["Parameters"]["CheckTimeoutSeconds"]["AllowedValues"]
# Actions that IAM cannot tie to a resource, with all that may be done with them.
NO_RESOURCE_LEVEL = {
    "Tracing": {"xray:PutTraceSegments", "xray:PutTelemetryRecords"},
    "NetworkInterfaces": {
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
    },
}
TOKEN_READERS = {"CheckFriendsRole", "SweepFollowersRole", "NotifyChangeRole", "SendSummariesRole"}
IN_VPC = FUNCTIONS.keys() - {"CheckFriends"}


def test_the_translated_template_is_clean() -> None:
    assert lint_template.findings() == []


@pytest.mark.parametrize(
    ("right", "wrong", "rule"),
    [
        ("VisibilityTimeout: 360", "VisibilityTimeout: 59", "E3505"),
        ("MaximumConcurrency: 2}", "MaximumConcurrency: 1}", "E3034"),
        ("SqsManagedSseEnabled", "SqsManagedSse", "E3002"),
    ],
)
def test_the_lint_sees_what_only_the_translation_shows(right: str, wrong: str, rule: str, tmp_path: Path) -> None:
    broken = tmp_path / "template.yaml"
    broken.write_text(lint_template.TEMPLATE.read_text(encoding="utf-8").replace(right, wrong), encoding="utf-8")
    assert any(finding.startswith(rule) for finding in lint_template.findings(broken))


def test_the_functions_are_those_of_the_folders() -> None:
    folders = {folder.parent.name for folder in (lint_template.TEMPLATE.parent / "functions").glob("*/app.py")}
    written = {
        Path(resource["Properties"]["CodeUri"]).name: name
        for name, resource in lint_template.parse()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert set(written) == folders
    for folder, name in written.items():
        assert FUNCTIONS[name]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == folder


@pytest.mark.parametrize("name", QUEUES)
def test_every_queue_is_encrypted_and_refuses_plain_http(name: str) -> None:
    policies = resources("AWS::SQS::QueuePolicy").values()
    [policy] = [one for one in policies if name in {target(queue) for queue in one["Queues"]}]  # SQS keeps only one
    denied = [one["Condition"] for one in policy["PolicyDocument"]["Statement"] if one["Effect"] == "Deny"]
    assert QUEUES[name]["SqsManagedSseEnabled"] is True
    assert denied == [{"Bool": {"aws:SecureTransport": "false"}}]


@pytest.mark.parametrize("name", RULES)
def test_a_rules_queue_takes_events_from_that_rule_only(name: str) -> None:
    [sent] = RULES[name]["Targets"]
    policies = resources("AWS::SQS::QueuePolicy").values()
    [policy] = [one for one in policies if target(sent["Arn"]) in {target(queue) for queue in one["Queues"]}]
    [allowed] = [one for one in policy["PolicyDocument"]["Statement"] if one["Effect"] == "Allow"]
    assert (allowed["Principal"], allowed["Action"]) == ({"Service": "events.amazonaws.com"}, "sqs:SendMessage")
    assert target(allowed["Condition"]["ArnEquals"]["aws:SourceArn"]) == name


def test_changes_come_from_the_applications_bus() -> None:
    rule = RULES["MotivationChangedRule"]
    assert (target(rule["EventBusName"]), rule["EventPattern"]) == ("Bus", {"detail-type": ["MotivationChanged"]})
    assert rule["Targets"][0]["InputPath"] == "$.detail"


@pytest.mark.parametrize("name", QUEUES.keys() - DEAD_LETTERS)
def test_every_working_queue_redrives_into_one_that_keeps_longer_and_takes_nothing_else(name: str) -> None:
    redrive = QUEUES[name]["RedrivePolicy"]
    dead_letters = QUEUES[target(redrive["deadLetterTargetArn"])]
    [source] = dead_letters["RedriveAllowPolicy"]["sourceQueueArns"]
    assert redrive["maxReceiveCount"] >= 5
    assert dead_letters["MessageRetentionPeriod"] == 14 * 24 * 3600 > QUEUES[name]["MessageRetentionPeriod"]
    assert dead_letters["RedriveAllowPolicy"]["redrivePermission"] == "byQueue"
    assert source["Fn::Sub"].endswith(":" + QUEUES[name]["QueueName"]["Fn::Sub"])


def test_no_queue_redrives_into_the_schedules_dead_letters() -> None:
    assert QUEUES["ScheduleDeadLetters"]["RedriveAllowPolicy"] == {"redrivePermission": "denyAll"}
    assert QUEUES["ScheduleDeadLetters"]["MessageRetentionPeriod"] == 14 * 24 * 3600


@pytest.mark.parametrize("check_timeout_s", TIMEOUTS)
@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=MAPPINGS)
def test_messages_stay_hidden_for_six_timeouts_of_their_function(mapping: Json, check_timeout_s: int) -> None:
    given = parameters(CheckTimeoutSeconds=check_timeout_s)
    timeout_s = number(FUNCTIONS[target(mapping["FunctionName"])]["Timeout"], given)
    window_s = mapping.get("MaximumBatchingWindowInSeconds", 0)
    visibility_s = number(QUEUES[target(mapping["EventSourceArn"])]["VisibilityTimeout"], given)
    assert visibility_s >= 6 * timeout_s + window_s


@pytest.mark.parametrize("concurrency", [2, 4, 20, 100])
@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=MAPPINGS)
def test_mappings_report_partial_failures_and_pull_no_more_than_may_run(mapping: Json, concurrency: int) -> None:
    given = parameters(CheckConcurrency=concurrency)
    function = FUNCTIONS[target(mapping["FunctionName"])]
    cap = number(mapping["ScalingConfig"]["MaximumConcurrency"], given)
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert cap == number(function["ReservedConcurrentExecutions"], given) >= 2


def test_every_queue_with_work_is_read_by_exactly_one_mapping() -> None:
    sources = [target(mapping["EventSourceArn"]) for mapping in MAPPINGS.values()]
    assert sorted(sources) == sorted(QUEUES.keys() - DEAD_LETTERS)


def test_two_starts_of_a_round_never_overlap() -> None:
    assert FUNCTIONS["DispatchChecks"]["ReservedConcurrentExecutions"] == 1


def test_every_function_has_a_role_of_its_own() -> None:
    used = [target(function["Role"]) for function in FUNCTIONS.values()]
    assert len(set(used)) == len(used)


def test_no_role_carries_a_policy_of_aws() -> None:
    for role in ROLES.values():
        for attached in role.get("ManagedPolicyArns", []):
            chosen = attached["Fn::If"][1] if "Fn::If" in attached else attached
            assert target(chosen) in NO_RESOURCE_LEVEL


@pytest.mark.parametrize("name", ROLES)
def test_no_role_has_wildcards(name: str) -> None:
    for statement in statements(ROLES[name]):
        assert "Condition" in statement or "key/*" not in json.dumps(statement["Resource"])
        assert not any("*" in action for action in as_list(statement["Action"]))
        assert not any(resource == "*" for resource in as_list(statement["Resource"]))


def test_what_no_resource_can_bound_is_bounded_by_its_actions() -> None:
    policies = resources("AWS::IAM::ManagedPolicy")
    assert policies.keys() == NO_RESOURCE_LEVEL.keys()
    for name, policy in policies.items():
        for statement in policy["PolicyDocument"]["Statement"]:
            assert set(statement["Action"]) == NO_RESOURCE_LEVEL[name]


def test_tokens_are_decrypted_only_by_those_who_call_line() -> None:
    assert {name for name, role in ROLES.items() if "kms:Decrypt" in json.dumps(role)} == TOKEN_READERS
    callers = {name for name, f in FUNCTIONS.items() if "LINE_BASE_URL" in f["Environment"]["Variables"]}
    assert {target(FUNCTIONS[name]["Role"]) for name in callers} == TOKEN_READERS


@pytest.mark.parametrize("role", sorted(TOKEN_READERS))
def test_tokens_are_decrypted_only_through_ssm_and_only_for_this_stack(role: str) -> None:
    [decrypt] = [one for one in statements(ROLES[role]) if one["Action"] == "kms:Decrypt"]
    context = decrypt["Condition"]["StringLike"]["kms:EncryptionContext:PARAMETER_ARN"]["Fn::Sub"]
    assert decrypt["Condition"]["StringEquals"]["kms:ViaService"] == {"Fn::Sub": "ssm.${AWS::Region}.amazonaws.com"}
    assert context.endswith(":parameter/${AWS::StackName}/line/*")


def test_each_function_reads_its_own_secret_and_no_other() -> None:
    for name, function in FUNCTIONS.items():
        allowed = [
            target(one["Resource"])
            for one in statements(ROLES[target(function["Role"])])
            if one["Action"] == "secretsmanager:GetSecretValue"
        ]
        given = function["Environment"]["Variables"].get("DATABASE_SECRET_ARN")
        assert allowed == ([target(given)] if given else []), name


def test_the_functions_that_need_mysql_are_in_the_vpc_and_no_other() -> None:
    assert {name for name, function in FUNCTIONS.items() if "VpcConfig" in function} == IN_VPC
    assert {name for name, f in FUNCTIONS.items() if "DATABASE_HOST" in f["Environment"]["Variables"]} == IN_VPC


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_writes_to_its_own_kept_log_group_and_is_traced(name: str) -> None:
    group = target(FUNCTIONS[name]["LoggingConfig"]["LogGroup"])
    own = [one for one in statements(ROLES[target(FUNCTIONS[name]["Role"])]) if "logs:PutLogEvents" in one["Action"]]
    assert [target(one["Resource"]) for one in own] == [group]
    assert number(resources("AWS::Logs::LogGroup")[group]["RetentionInDays"], DEFAULTS) > 0
    assert FUNCTIONS[name]["TracingConfig"] == {"Mode": "Active"}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_keyed_on_their_time_and_lose_nothing(name: str) -> None:
    schedule = SCHEDULES[name]
    function = target(schedule["Target"]["Arn"])
    [invoke] = [
        one for one in resources("AWS::Lambda::EventInvokeConfig").values() if target(one["FunctionName"]) == function
    ]
    assert json.loads(schedule["Target"]["Input"]) == {"scheduled_time": "<aws.scheduler.scheduled-time>"}
    assert schedule["ScheduleExpressionTimezone"] == "Asia/Tokyo"
    assert "Name" not in schedule
    assert target(schedule["Target"]["DeadLetterConfig"]["Arn"]) == "ScheduleDeadLetters"
    assert schedule["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 7200
    assert target(invoke["DestinationConfig"]["OnFailure"]["Destination"]) == "ScheduleDeadLetters"


def test_the_schedules_role_may_start_its_function_and_fill_its_dead_letters_only() -> None:
    for name in SCHEDULES:
        allowed = {one["Action"]: target(one["Resource"]) for one in statements(ROLES[f"{name}Role"])}
        function = target(SCHEDULES[name]["Target"]["Arn"])
        assert allowed == {"lambda:InvokeFunction": function, "sqs:SendMessage": "ScheduleDeadLetters"}


def test_the_layer_keeps_the_services_that_the_functions_call() -> None:
    root = lint_template.TEMPLATE.parent
    modules = (root / "layers/yomawari/python/yomawari/runtime").glob("*.py")
    called = {name for one in modules for name in re.findall(r'client\("(\w+)"', one.read_text("utf-8"))}
    makefile = (root / "layers/dependencies/Makefile").read_text("utf-8")
    assert called == set(re.findall(r"BOTOCORE_SERVICES = (.*)", makefile)[0].split())


def test_unfinished_lists_are_private_and_gone_after_a_day() -> None:
    bucket = resources("AWS::S3::Bucket")["SweepState"]
    policy = resources("AWS::S3::BucketPolicy")["SweepStateTlsOnly"]
    [refused] = policy["PolicyDocument"]["Statement"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert [rule["ExpirationInDays"] for rule in bucket["LifecycleConfiguration"]["Rules"]] == [1]
    assert (refused["Effect"], refused["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_the_gate_table_is_encrypted_and_costs_nothing_by_day() -> None:
    [table] = resources("AWS::DynamoDB::Table").values()
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert table["BillingMode"] == "PAY_PER_REQUEST"


def watched(metric: str) -> dict[str, Any]:
    return {
        target(alarm["Dimensions"][0]["Value"]): alarm for alarm in ALARMS.values() if alarm.get("MetricName") == metric
    }


def test_the_depth_of_each_dead_letter_queue_and_the_age_of_each_other_one_are_watched() -> None:
    depths = watched("ApproximateNumberOfMessagesVisible")
    assert depths.keys() == DEAD_LETTERS
    assert {alarm["Threshold"] for alarm in depths.values()} == {0}
    assert watched("ApproximateAgeOfOldestMessage").keys() == QUEUES.keys() - DEAD_LETTERS


def test_every_alarm_tells_the_topic_if_there_is_one() -> None:
    for alarm in ALARMS.values():
        assert alarm["AlarmActions"]["Fn::If"] == ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]


def test_a_late_run_failing_starts_and_refused_calls_are_watched() -> None:
    late, refused = ALARMS["RunUnfinishedInTime"], ALARMS["RateLimitedShare"]
    assert (late["Namespace"], late["MetricName"]) == ({"Fn::Sub": "yomawari/${AWS::StackName}"}, "RunUnfinished")
    assert watched("Errors").keys() == {"DispatchChecks", "DispatchSummaries"}
    held = ALARMS["TenantHeld"]
    assert (held["MetricName"], held["Dimensions"]) == ("TenantHeld", [{"Name": "service", "Value": "write_results"}])
    assert {query.get("MetricStat", {}).get("Metric", {}).get("MetricName") for query in refused["Metrics"]} == {
        None,
        "RateLimited",
        "Calls",
    }


@pytest.mark.parametrize(("figure", "most"), [("quota_reached", 0), ("expired", 0), ("rejected", 10)])
def test_what_no_send_should_come_to_is_watched(figure: str, most: int) -> None:
    """Under the name that runtime.add_counts gives it."""
    assert figure in {field.name for field in fields(Sent)}
    metric = figure.title().replace("_", "")
    alarms = [alarm for alarm in ALARMS.values() if alarm.get("MetricName") == metric]
    assert sorted(alarm["Dimensions"][0]["Value"] for alarm in alarms) == ["notify_change", "send_summaries"]
    assert {(alarm["Threshold"], alarm["ComparisonOperator"]) for alarm in alarms} == {(most, "GreaterThanThreshold")}


def test_the_dashboard_is_json_and_names_only_what_exists() -> None:
    body = resources("AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"]
    assert len(json.loads(body)["widgets"]) == 12
    for text in ("Calls", "RateLimited", "Retries", "Settled", "Failed", "SweepCalls", "Lost"):
        assert text in body


def test_the_outputs_name_all_that_an_operator_reaches_for() -> None:
    outputs = {name: output["Value"] for name, output in translated()["Outputs"].items()}
    assert outputs.pop("TokenPath") == {"Fn::Sub": "/${AWS::StackName}/line"}
    assert {target(value) for value in outputs.values()} == {
        *FUNCTIONS,
        *QUEUES,
        *resources("AWS::Logs::LogGroup"),
        *resources("AWS::SecretsManager::Secret"),
        "GateTable",
        "Bus",
        "ImportFiles",
    }


def test_the_recorded_environment_is_the_templates() -> None:
    recorded = json.loads((lint_template.TEMPLATE.parent / "events" / "env.json").read_text(encoding="utf-8"))
    for name, function in FUNCTIONS.items():
        variables = {one for one in function["Environment"]["Variables"] if not one.startswith("POWERTOOLS_")}
        assert recorded[name].keys() == variables
