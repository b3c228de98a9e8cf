"""A private MiniStack for what needs DynamoDB, with the gate's table as template.yaml makes it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import boto3

from tools.local_stack import ministack, processes
from tools.local_stack.environment import environment
from tools.local_stack.state import REGION

TABLE: Final = "gate"
CREDENTIALS: Final[dict[str, Any]] = {
    "region_name": REGION,
    "aws_access_key_id": "test",
    "aws_secret_access_key": "test",
}
_READY_S: Final = 60.0


@contextmanager
def private_gate_table() -> Iterator[str]:
    """The endpoint of a DynamoDB with the gate's table; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="yomawari-bench-") as kept:
        directory = Path(kept)
        (port,) = processes.free_ports(1)
        endpoint_url = f"http://127.0.0.1:{port}"
        part = ministack.start(directory, port, environment(directory), tied=True)
        try:
            processes.wait_until(part, lambda: ministack.answers(endpoint_url), _READY_S)
            create_gate_table(boto3.client("dynamodb", endpoint_url=endpoint_url, **CREDENTIALS))
            yield endpoint_url
        finally:
            processes.stop([part])


def create_gate_table(client: Any) -> None:  # noqa: ANN401 - boto3 makes its clients at run time
    """Make the gate's table."""
    client.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "channel_endpoint", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "channel_endpoint", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
