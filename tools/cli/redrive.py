"""Moving dead-lettered messages back to the queues they failed on, all or one tenant's.

By hand rather than by StartMessageMoveTask, which can neither choose a tenant nor leave what cannot be read, and which
the local stack lacks. A message is sent back before it is deleted: what a crash in between doubles is harmless, as
every double is. What does not parse stays where it is, because it would only come back; so does a file that
split_import has refused.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from tools.cli.target import Target
from yomawari.domain.imports import ImportKey, import_key
from yomawari.messages import (
    FollowerSweep,
    FriendCheckChunk,
    Malformed,
    MotivationChanged,
    RegistrationChunk,
    SummaryChunk,
    Write,
    read,
    read_write,
)
from yomawari.messages.s3 import ObjectCreated
from yomawari.usecases.channel_access import REFUSALS

_HOLD_S: Final = 300
"""Nobody else sees a message while it is being looked at; what is left is shown again at once at the end."""


def _read_file(body: str) -> ImportKey | Malformed:
    created = read(ObjectCreated, body)
    if isinstance(created, Malformed):
        return created
    return import_key(created.detail.object.key) or Malformed("the key is not that of an import")


_Redrivable = (
    FriendCheckChunk | FollowerSweep | Write | MotivationChanged | SummaryChunk | ImportKey | RegistrationChunk
)
_QUEUES: Final[Sequence[tuple[str, Callable[[str], _Redrivable | Malformed]]]] = (
    ("FriendChecks", partial(read, FriendCheckChunk)),
    ("Sweeps", partial(read, FollowerSweep)),
    ("Writes", read_write),
    ("MotivationChanges", partial(read, MotivationChanged)),
    ("Summaries", partial(read, SummaryChunk)),
    ("Imports", _read_file),
    ("Registrations", partial(read, RegistrationChunk)),
)
_ENDPOINTS: Final = ("profile", "followers", "multicast", "push")


@dataclass
class Redriven:
    """What was moved, and what was not.

    Attributes:
        messages: how many went back to their queue.
        seekers: how many job seekers the chunks of the round among them hold.
        channels: how many are sweeps of a whole channel.
        tenants: whose they are.
        others: how many were left because they are another tenant's.
        unreadable: the reasons of those that cannot be read, or were refused.
    """

    messages: int = 0
    seekers: int = 0
    channels: int = 0
    tenants: set[int] = field(default_factory=set)
    others: int = 0
    unreadable: list[str] = field(default_factory=list)


def redrive(target: Target, tenant_id: int | None = None) -> Redriven:
    """Move every dead-lettered message (of one tenant) back; channels that LINE refused are opened again first."""
    redriven = Redriven()
    sqs, opened = target.client("sqs"), set[int]()
    for queue, read_body in _QUEUES:
        dead_url, live_url = target.outputs[f"{queue}DeadLettersUrl"], target.outputs[f"{queue}Url"]
        left: list[str] = []
        while messages := _receive(sqs, dead_url):
            for message in messages:
                parsed = _refused(queue, message) or read_body(message["Body"])
                if isinstance(parsed, Malformed):
                    redriven.unreadable.append(parsed.reason)
                    left.append(message["ReceiptHandle"])
                elif tenant_id not in {None, parsed.tenant_id}:
                    redriven.others += 1
                    left.append(message["ReceiptHandle"])
                else:
                    if parsed.tenant_id is not None and parsed.tenant_id not in opened:
                        _open(target, parsed.tenant_id)
                        opened.add(parsed.tenant_id)
                    _move(sqs, message, dead_url, live_url, parsed.tenant_id)
                    _count(redriven, parsed)
        for handle in left:
            sqs.change_message_visibility(QueueUrl=dead_url, ReceiptHandle=handle, VisibilityTimeout=0)
    return redriven


def _refused(queue: str, message: dict[str, Any]) -> Malformed | None:
    """Why a file was refused, as it would be again; on other queues the reason is that of a failure."""
    reason = message.get("MessageAttributes", {}).get("reason") if queue == "Imports" else None
    return None if reason is None else Malformed(reason["StringValue"])


def _receive(sqs: Any, url: str) -> list[dict[str, Any]]:  # noqa: ANN401 - boto3 makes its clients at run time
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        WaitTimeSeconds=1,
        VisibilityTimeout=_HOLD_S,
        MessageAttributeNames=["reason"],
    )
    messages: list[dict[str, Any]] = answer.get("Messages", [])
    return messages


def _move(sqs: Any, message: dict[str, Any], dead_url: str, live_url: str, tenant_id: int | None) -> None:  # noqa: ANN401
    group = {} if tenant_id is None else {"MessageGroupId": str(tenant_id)}
    sqs.send_message(QueueUrl=live_url, MessageBody=message["Body"], **group)
    sqs.delete_message(QueueUrl=dead_url, ReceiptHandle=message["ReceiptHandle"])


def _count(redriven: Redriven, parsed: _Redrivable) -> None:
    redriven.messages += 1
    if parsed.tenant_id is not None:
        redriven.tenants.add(parsed.tenant_id)
    if isinstance(parsed, FriendCheckChunk):
        redriven.seekers += len(parsed.seekers)
    redriven.channels += isinstance(parsed, FollowerSweep)


def _open(target: Target, tenant_id: int) -> None:
    """Open a channel that was closed because LINE refused it; one that is closed for a 429 opens by itself."""
    dynamodb, table = target.client("dynamodb"), target.outputs["GateTableName"]
    for endpoint in _ENDPOINTS:
        key = {"channel_endpoint": {"S": f"{tenant_id}#{endpoint}"}}
        item = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {})
        if item.get("closed_reason", {}).get("S") in REFUSALS:
            dynamodb.update_item(TableName=table, Key=key, UpdateExpression="REMOVE closed_until_us, closed_reason")
