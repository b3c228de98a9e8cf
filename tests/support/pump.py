"""What Lambda does between a queue and a function: the SQS event source mapping, one batch at a time."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

Handler = Callable[[dict[str, Any], "Context"], dict[str, Any]]
Message = dict[str, Any]


@dataclass
class Context:
    """The context object of one invocation; its time runs out by the clock, as Lambda's does."""

    timeout_s: float = 120.0
    function_name: str = "function"
    memory_limit_in_mb: int = 1769
    invoked_function_arn: str = "arn:aws:lambda:ap-northeast-1:123456789012:function:function"
    aws_request_id: str = field(default_factory=lambda: str(uuid4()))
    began_s: float = field(default_factory=time.monotonic)

    def get_remaining_time_in_millis(self) -> int:
        return int((self.began_s + self.timeout_s - time.monotonic()) * 1000)


def event_of(messages: list[Message], queue: str = "queue") -> dict[str, Any]:
    """The event that a function gets for messages as ReceiveMessage gives them."""
    return {"Records": [_record(message, queue) for message in messages]}


def _record(message: Message, queue: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {
            name: {"stringValue": value["StringValue"], "dataType": value["DataType"]}
            for name, value in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:ap-northeast-1:123456789012:{queue}",
        "awsRegion": "ap-northeast-1",
    }


@dataclass
class Pump:
    """Feeds a function from its queue.

    Messages that the function did not report are deleted; the others, or all when it raises, are shown again at once
    (Lambda leaves them hidden for the rest of the visibility timeout, which only takes longer).

    Attributes:
        timeout_s: the function's timeout.
        visibility_s: how long a message stays hidden while it is worked on.
        crashes: what the function raised, invocation by invocation.
    """

    sqs: Any
    url: str
    handler: Handler
    batch_size: int
    timeout_s: float = 120.0
    visibility_s: int = 60
    crashes: list[Exception] = field(default_factory=list)

    def once(self) -> int:
        """Deliver one batch, and say how many messages it had."""
        messages = self._receive()
        if messages:
            self._settle(messages, self._deliver(messages))
        return len(messages)

    def deliver(self, messages: list[Message]) -> None:
        """Deliver messages that were taken from the queue, in this order, batch by batch; none may fail."""
        for first in range(0, len(messages), self.batch_size):
            assert not self._deliver(messages[first : first + self.batch_size])

    def _receive(self) -> list[Message]:
        answer = self.sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=self.batch_size,
            VisibilityTimeout=self.visibility_s,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        messages: list[Message] = answer.get("Messages", [])
        return messages

    def _deliver(self, messages: list[Message]) -> set[str]:
        """Returns the ids of the messages that failed."""
        try:
            answer = self.handler(event_of(messages), Context(self.timeout_s))
        except Exception as crash:  # noqa: BLE001 - Lambda, too, catches whatever a function raises
            self.crashes.append(crash)
            return {message["MessageId"] for message in messages}
        return {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}

    def _settle(self, messages: list[Message], failed: set[str]) -> None:
        for message in messages:
            handle = {"QueueUrl": self.url, "ReceiptHandle": message["ReceiptHandle"]}
            if message["MessageId"] in failed:
                self.sqs.change_message_visibility(**handle, VisibilityTimeout=0)
            else:
                self.sqs.delete_message(**handle)
