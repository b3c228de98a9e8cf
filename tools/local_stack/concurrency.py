"""What MiniStack's CloudFormation leaves out of template.yaml: how many of a function may run at once.

MiniStack 1.5 ignores ReservedConcurrentExecutions, and takes a MaximumConcurrency that comes from a parameter for a
string, on which its poller then stumbles: no queue is read at all. Both are right when they are set by API.
"""

from typing import TYPE_CHECKING

import boto3

from tools.lint_template import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.local_stack.state import StackState


def enforce(state: "StackState", parameters: "Mapping[str, str]") -> None:
    """Set reserved and maximum concurrency as template.yaml says them, with the parameters the stack was given."""
    functions = boto3.client("lambda", **state.client_options())
    for logical_id, resource in parse()["Resources"].items():
        reserved = resource.get("Properties", {}).get("ReservedConcurrentExecutions")
        if reserved is not None:
            functions.put_function_concurrency(
                FunctionName=state.outputs[f"{logical_id}Function"],
                ReservedConcurrentExecutions=_value(reserved, parameters),
            )
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig=mapping["ScalingConfig"])


def _value(written: "int | dict[str, str]", parameters: "Mapping[str, str]") -> int:
    return written if isinstance(written, int) else int(parameters[written["Ref"]])
