"""`sam build` and `sam deploy` against MiniStack, then the schema and the users of the database."""

from collections.abc import Mapping
from pathlib import Path

import boto3

from tools.local_stack import concurrency, database_setup, ministack, processes
from tools.local_stack.environment import environment
from tools.local_stack.errors import LocalStackError
from tools.local_stack.state import CACHE, REGION, ROOT, StackState

SAM = ROOT / ".venv-sam" / "bin" / "sam"
_BUCKET = "packages"
# A few workers saturate two cores, and each costs a process. The schedule sleeps: MiniStack does not fill in
# <aws.scheduler.scheduled-time> and reads every cron expression as UTC.
_LOCAL = {
    "CheckConcurrency": "3",
    "CheckChannelsAtOnce": "2",
    "SweepConcurrency": "2",
    "ScheduleState": "DISABLED",
    "LogRetentionDays": "1",
}


def deploy(state: StackState, parameters: Mapping[str, str] | None = None) -> StackState:
    """Build and deploy template.yaml; create schema and users of the database.

    Deploying again updates functions and grants, and leaves the data alone.

    Args:
        state: A stack that is up.
        parameters: Template parameters that shall differ from the local ones.

    Returns:
        The state with the stack's outputs, as also saved for `load_state`.

    Raises:
        LocalStackError: if SAM fails; with the end of its log.
    """
    if not SAM.exists():
        raise LocalStackError(f"SAM: {SAM} does not exist; `make setup` installs it")
    env = {
        **environment(state.directory),
        "AWS_ENDPOINT_URL": state.endpoint_url,
        "LAYER_PYTHON": str(ministack.PYTHON),  # see layers/dependencies/Makefile
        "SAM_CLI_POLL_DELAY": "0.5",
    }
    _sam_build(state, env)
    _sam_deploy(state, {**_LOCAL, **_addresses(state), **(parameters or {})}, env)
    cloudformation = boto3.client("cloudformation", **state.client_options())
    stack = cloudformation.describe_stacks(StackName=state.stack_name)["Stacks"][0]
    deployed = state.model_copy(
        update={"outputs": {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}}
    )
    concurrency.enforce(
        deployed, {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stack["Parameters"]}
    )
    database_setup.prepare(deployed)
    deployed.save()
    return deployed


def _addresses(state: StackState) -> dict[str, str]:
    return {
        "DatabaseHost": state.database.host,
        "DatabasePort": str(state.database.port),
        "DatabaseName": state.database.name,
        "DatabaseTlsCa": str(state.database.tls_ca),
        "LineBaseUrl": state.line_url,
    }


def _sam_build(state: StackState, env: Mapping[str, str]) -> None:
    command = [
        *_sam("build", "--template-file", str(ROOT / "template.yaml")),
        *("--build-dir", str(_build_directory(state)), "--cached", "--cache-dir", str(CACHE / state.name / "layers")),
    ]
    processes.run("sam build", command, env, state.directory / "logs" / "sam-build.log")


def _sam_deploy(state: StackState, parameters: Mapping[str, str], env: Mapping[str, str]) -> None:
    s3 = boto3.client("s3", **state.client_options())
    if _BUCKET not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    command = [
        *_sam("deploy", "--template-file", str(_build_directory(state) / "template.yaml")),
        *("--stack-name", state.stack_name, "--s3-bucket", _BUCKET, "--region", REGION),
        *("--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"),
        *("--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"),
        "--parameter-overrides",
        *(f"{name}={value}" for name, value in parameters.items()),
    ]
    processes.run("sam deploy", command, env, state.directory / "logs" / "sam-deploy.log")


def _build_directory(state: StackState) -> Path:
    # Kept when the stack goes down, for beside it SAM notes what its cache holds. And each stack has its own: a build
    # drops from the cache whatever another one put there.
    return CACHE / state.name / "build"


def _sam(verb: str, *options: str) -> list[str]:
    """A SAM command that samconfig.toml has no say in: it has no environment `local`."""
    return [str(SAM), verb, "--config-env", "local", *options]
