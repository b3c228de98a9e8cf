"""One moto server for the whole test session (its in-process mock does not work with aiobotocore), emptied per test.

`tests/conftest.py` takes the fixtures from here.
"""

from collections.abc import Callable, Iterator
from functools import wraps
from threading import Lock
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.config import Config
from moto.dynamodb.models import DynamoDBBackend
from moto.server import ThreadedMotoServer

REGION = "ap-northeast-1"
ONE_TRY = Config(retries={"total_max_attempts": 1})
"""A test that makes a service fail does not wait for botocore's own tries."""


@pytest.fixture(scope="session")
def moto_session() -> Iterator[str]:
    """The session's server, by its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DynamoDBBackend, "update_item", _one_at_a_time(DynamoDBBackend.update_item))
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


def _one_at_a_time(call: Callable[..., Any]) -> Callable[..., Any]:
    """DynamoDB tests a condition and writes in one step; moto's server does it in threads that overlap."""
    lock = Lock()

    @wraps(call)
    def alone(*args: Any, **kwargs: Any) -> Any:
        with lock:
            return call(*args, **kwargs)

    return alone


@pytest.fixture
def moto_options(moto_session: str) -> dict[str, str]:
    """Keyword arguments that lead any client, sync or async, to an empty server."""
    urlopen(Request(f"{moto_session}/moto-api/reset", method="POST"), timeout=10).close()  # noqa: S310 - our own
    return {
        "endpoint_url": moto_session,
        "region_name": REGION,
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
    }


@pytest.fixture
def aws(moto_options: dict[str, str]) -> Iterator[Callable[[str], Any]]:
    """Makes boto3 clients of the server: `aws("sqs")`."""
    clients: list[Any] = []
    make: Callable[..., Any] = boto3.client  # its own type knows services by literal names only

    def client(service: str) -> Any:
        clients.append(make(service, config=ONE_TRY, **moto_options))
        return clients[-1]

    yield client
    for made in clients:
        made.close()
