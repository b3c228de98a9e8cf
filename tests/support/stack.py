"""What template.yaml gives the functions, on moto's server: queues, table, bus, secrets, and their environment."""

import json
import os
import re
from collections.abc import Callable
from typing import Any

from tests.support.moto import REGION
from tests.support.template import Json, parameters, resources, target, translated

NAME = "yomawari-test"
QUEUES = (
    *("FriendChecksDeadLetters", "WritesDeadLetters", "ScheduleDeadLetters", "FriendChecks", "Writes"),
    *("MotivationChangesDeadLetters", "SummariesDeadLetters", "MotivationChanges", "Summaries"),
    *("ImportsDeadLetters", "RegistrationsDeadLetters", "Imports", "Registrations"),
    *("SweepsDeadLetters", "Sweeps"),
)
"""A queue after the one that its redrive policy names."""

Aws = Callable[[str], Any]


class Stack:
    """The stack's parts that functions touch.

    Args:
        aws: makes clients of an empty moto server.
        endpoint_url: where that server is.
        database_user: what the database secrets hold.
        given: parameters of the template.

    Attributes:
        extra: what a test puts into every function's environment.
    """

    def __init__(self, aws: Aws, endpoint_url: str, database_user: dict[str, str], **given: str) -> None:
        self.sqs = aws("sqs")
        self.endpoint_url = endpoint_url
        self.extra: dict[str, str] = {}
        self._refs = {name: str(value) for name, value in parameters(**given).items()}
        self._refs |= {"AWS::StackName": NAME, "AWS::Region": REGION}
        for name in QUEUES:
            self._refs[name] = self._create_queue(name)
        self._create_table(aws("dynamodb"))
        self._create_bucket(aws("s3"), "ImportFiles")
        self._refs["Bus"] = NAME
        self._create_bucket(aws("s3"), "SweepState")
        self._listen(aws("events"))
        secrets = aws("secretsmanager")
        for name in resources("AWS::SecretsManager::Secret"):
            made = secrets.create_secret(Name=name, SecretString=json.dumps(database_user))
            self._refs[name] = made["ARN"]

    def outputs(self) -> dict[str, str]:
        """Those outputs of the template that say where something is."""
        written: Json = translated()["Outputs"]
        values = {name: output["Value"] for name, output in written.items()}
        return {name: self.resolve(value) for name, value in values.items() if self._is_known(value)}

    def url(self, queue: str) -> str:
        """The address of a queue, by its logical id."""
        return self._refs[queue]

    def environment(self, function: str) -> dict[str, str]:
        """A function's environment: what the template gives it, and what Lambda itself does."""
        given = resources("AWS::Lambda::Function")[function]["Environment"]["Variables"]
        return {
            **{name: self.resolve(value) for name, value in given.items()},
            **self.extra,
            "AWS_LAMBDA_FUNCTION_NAME": function,
            "LAMBDA_TASK_ROOT": "/var/task",
            "POWERTOOLS_TRACE_DISABLED": "true",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def resolve(self, value: object) -> str:
        """A property with its references filled in."""
        match value:
            case {"Ref": str(name)}:
                return self._refs[name]
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{([^}]+)\}", lambda found: self._refs[found[1]], text)
        return str(value)

    def announced(self) -> list[Json]:
        """The details of the events on the bus since it was last asked, in no order."""
        return [json.loads(message["Body"])["detail"] for message in self.take("listener")]

    def take(self, queue: str) -> list[Json]:
        """Receive and delete all that a queue shows."""
        taken: list[Json] = []
        while messages := self._receive(queue, visibility_s=60):
            for message in messages:
                self.sqs.delete_message(QueueUrl=self.url(queue), ReceiptHandle=message["ReceiptHandle"])
            taken += messages
        return taken

    def peek(self, queue: str) -> list[Json]:
        """All that a queue shows, left where it is."""
        peeked: list[Json] = []
        while messages := self._receive(queue, visibility_s=60):
            peeked += messages
        for message in peeked:
            handle = message["ReceiptHandle"]
            self.sqs.change_message_visibility(QueueUrl=self.url(queue), ReceiptHandle=handle, VisibilityTimeout=0)
        return peeked

    def waiting(self, queue: str) -> int:
        """Messages on a queue, shown, hidden or delayed."""
        return self._count(queue, "", "NotVisible", "Delayed")

    def delayed(self, queue: str) -> int:
        """Messages on a queue that are not shown yet."""
        return self._count(queue, "Delayed")

    def _count(self, queue: str, *which: str) -> int:
        names = [f"ApproximateNumberOfMessages{one}" for one in which]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url(queue), AttributeNames=names)
        return sum(int(number) for number in answer["Attributes"].values())

    def _receive(self, queue: str, visibility_s: int) -> list[Json]:
        answer = self.sqs.receive_message(
            QueueUrl=self.url(queue),
            MaxNumberOfMessages=10,
            VisibilityTimeout=visibility_s,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        messages: list[Json] = answer.get("Messages", [])
        return messages

    def _is_known(self, value: Any) -> bool:
        return value.get("Ref", "AWS::StackName") in self._refs

    def _create_queue(self, name: str) -> str:
        attributes = {}
        redrive = resources("AWS::SQS::Queue")[name].get("RedrivePolicy")
        if redrive is not None:
            dead_letters = self._arn(target(redrive["deadLetterTargetArn"]))
            attributes = {"RedrivePolicy": json.dumps(redrive | {"deadLetterTargetArn": dead_letters})}
        url: str = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url

    def _arn(self, queue: str) -> str:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url(queue), AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])

    def _create_table(self, dynamodb: Any) -> None:
        properties = resources("AWS::DynamoDB::Table")["GateTable"]
        wanted = {name: properties[name] for name in ("BillingMode", "AttributeDefinitions", "KeySchema")}
        dynamodb.create_table(TableName="gate", **wanted)
        self._refs["GateTable"] = "gate"

    def _create_bucket(self, s3: Any, name: str) -> None:
        bucket, properties = name.lower(), resources("AWS::S3::Bucket")[name]
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        if "VersioningConfiguration" in properties:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=properties["VersioningConfiguration"])
        self._refs[name] = bucket

    def _listen(self, events: Any) -> None:
        events.create_event_bus(Name=NAME)
        events.put_rule(Name="ends", EventBusName=NAME, EventPattern=json.dumps({"source": ["yomawari"]}))
        self._refs["listener"] = self.sqs.create_queue(QueueName="listener")["QueueUrl"]
        events.put_targets(Rule="ends", EventBusName=NAME, Targets=[{"Id": "listener", "Arn": self._arn("listener")}])
