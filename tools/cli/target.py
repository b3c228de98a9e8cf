"""Where the command works: on a named local stack, or on AWS when none is named."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tools.local_stack import StackState, load_state

# report_status answers within seconds; a dispatch is started, not waited for.
_CONFIG = Config(connect_timeout=5, read_timeout=65, retries={"mode": "standard"})


class TargetError(RuntimeError):
    """The stack cannot be found or reached; the message says which, and what to do."""


@dataclass(frozen=True)
class Target:
    """A deployed stack and how to speak with it.

    Attributes:
        stack_name: the name of the CloudFormation stack.
        local: the local stack, or None on AWS.
    """

    stack_name: str
    local: StackState | None

    @classmethod
    def named(cls, local: str | None, stack: str) -> "Target":
        """The local stack of this name, or the CloudFormation stack of the AWS account at hand."""
        if local is None:
            return cls(stack, None)
        state = load_state(local)
        return cls(state.stack_name, state)

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """A boto3 client of the stack's account."""
        options = self.local.client_options() if self.local else {}
        return boto3.client(service, config=_CONFIG, **options)

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The outputs of template.yaml.

        Raises:
            TargetError: there is no such stack, or no access to it.
        """
        try:
            stacks = self.client("cloudformation").describe_stacks(StackName=self.stack_name)["Stacks"]
        except (ClientError, BotoCoreError) as error:
            where = "the local stack" if self.local else "AWS"
            raise TargetError(f"no stack {self.stack_name} on {where}: {error}") from error
        return {output["OutputKey"]: output["OutputValue"] for output in stacks[0]["Outputs"]}
