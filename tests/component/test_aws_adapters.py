"""SQS, SSM and EventBridge as moto's server speaks them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ConnectionClosedError

from yomawari.adapters.events import EventBus
from yomawari.adapters.sqs import AsyncQueue, Queue
from yomawari.adapters.ssm import CACHE_S, TokenNames, Tokens
from yomawari.messages import Announcement, RunCompleted, TenantHeld
from yomawari.usecases.ports import Outgoing, Unavailable

Aws = Callable[[str], Any]
PATH = "/yomawari-test/line"
EVENT = RunCompleted(
    run_id=2026_11_20_02_00,
    state="completed",
    seekers=1,
    friends=1,
    not_friends=0,
    invalid=0,
    failed=0,
    passed_over=0,
    tenants=1,
    tenants_skipped=0,
)
HELD = TenantHeld(run_id=2026_11_20_02_00, tenant_id=7, lost=60, friends_before=100)


async def with_client(options: dict[str, str], service: str, use: Callable[[Any], Awaitable[None]]) -> None:
    async with get_session().create_client(
        service, config=AioConfig(retries={"total_max_attempts": 1}), **options
    ) as client:
        await use(client)


def received(sqs: Any, url: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    while some := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
    ).get("Messages"):
        messages.extend(some)
    return messages


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_messages_arrive_with_group_and_attributes(aws: Aws, moto_options: dict[str, str], is_async: bool) -> None:
    sqs = aws("sqs")
    url = sqs.create_queue(QueueName="friend-checks")["QueueUrl"]
    messages = [
        *(Outgoing(f"body {number}", group=str(number % 3)) for number in range(24)),
        Outgoing("given up", attributes={"reason": "HTTP 500"}),
        Outgoing("later", delay_s=900),
    ]
    if is_async:
        asyncio.run(with_client(moto_options, "sqs", lambda client: AsyncQueue(client, url).send(messages)))
    else:
        Queue(sqs, url).send(messages)
    arrived = {message["Body"]: message for message in received(sqs, url)}
    assert sorted(arrived) == sorted(message.body for message in messages[:-1])
    assert arrived["body 4"]["Attributes"]["MessageGroupId"] == "1"
    assert arrived["given up"]["MessageAttributes"]["reason"]["StringValue"] == "HTTP 500"
    hidden = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesDelayed"])
    assert hidden["Attributes"]["ApproximateNumberOfMessagesDelayed"] == "1"


def test_a_message_is_shown_again_when_it_was_hidden_for_no_longer(aws: Aws) -> None:
    sqs = aws("sqs")
    url = sqs.create_queue(QueueName="queue", Attributes={"VisibilityTimeout": "5400"})["QueueUrl"]
    Queue(sqs, url).send([Outgoing("x")])
    (message,) = received(sqs, url)
    Queue(sqs, url).hide(message["ReceiptHandle"], 60)
    assert received(sqs, url) == []
    Queue(sqs, url).hide(message["ReceiptHandle"], 0)
    assert [one["Body"] for one in received(sqs, url)] == ["x"]


def test_a_queue_that_does_not_exist_is_unavailable(aws: Aws) -> None:
    queue = Queue(aws("sqs"), "http://127.0.0.1:1/000000000000/none")
    with pytest.raises(Unavailable, match="SQS"):
        queue.send([Outgoing("x")])
    with pytest.raises(Unavailable, match="SQS"):
        queue.hide("handle", 60)


def put_token(ssm: Any, name: str, token: str = "token") -> None:  # noqa: S107
    ssm.put_parameter(Name=name, Value=token, Type="SecureString", Overwrite=True)


def test_the_tenants_with_a_token_over_many_pages(aws: Aws) -> None:
    ssm = aws("ssm")
    for tenant_id in range(1, 24):
        put_token(ssm, f"{PATH}/{tenant_id}/channel-access-token")
    put_token(ssm, f"{PATH}/99/something-else")
    put_token(ssm, "/other-stack/line/98/channel-access-token")
    assert TokenNames(ssm, PATH).tenants_with_token() == set(range(1, 24))


def test_tokens_are_kept_for_a_while_and_can_be_forgotten(aws: Aws, moto_options: dict[str, str]) -> None:
    ssm = aws("ssm")
    name = f"{PATH}/1/channel-access-token"
    put_token(ssm, name, "first")
    now_s = [1_000.0]

    async def check(client: Any) -> None:
        tokens = Tokens(client, PATH, lambda: now_s[0])
        assert set(await asyncio.gather(tokens.token(1), tokens.token(1))) == {"first"}
        put_token(ssm, name, "second")
        assert await tokens.token(1) == "first"
        now_s[0] += CACHE_S
        assert await tokens.token(1) == "second"
        put_token(ssm, name, "third")
        tokens.forget(1)
        assert await tokens.token(1) == "third"
        assert await tokens.token(2) is None

    asyncio.run(with_client(moto_options, "ssm", check))


def test_tokens_that_cannot_be_asked_for_are_unavailable(aws: Aws, moto_options: dict[str, str]) -> None:
    nowhere = moto_options | {"endpoint_url": "http://127.0.0.1:1"}

    async def check(client: Any) -> None:
        with pytest.raises(Unavailable, match="SSM"):
            await Tokens(client, PATH, lambda: 0.0).token(1)

    asyncio.run(with_client(nowhere, "ssm", check))
    ssm = aws("ssm")
    ssm.meta.events.register("before-send.ssm", refuse)
    with pytest.raises(Unavailable, match="SSM"):
        TokenNames(ssm, PATH).tenants_with_token()


def refuse(request: Any, **_: object) -> None:
    raise ConnectionClosedError(endpoint_url=request.url)


@pytest.mark.parametrize(("event", "detail_type"), [(EVENT, "RunCompleted"), (HELD, "TenantHeld")])
def test_what_happened_reaches_whoever_listens(aws: Aws, event: Announcement, detail_type: str) -> None:
    sqs, events = aws("sqs"), aws("events")
    url = sqs.create_queue(QueueName="listener")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.create_event_bus(Name="yomawari")
    pattern = json.dumps({"source": ["yomawari"], "detail-type": [detail_type]})
    events.put_rule(Name="ends", EventBusName="yomawari", EventPattern=pattern)
    events.put_targets(Rule="ends", EventBusName="yomawari", Targets=[{"Id": "listener", "Arn": arn}])
    EventBus(events, "yomawari").announce(event)
    (message,) = received(sqs, url)
    assert type(event).model_validate(json.loads(message["Body"])["detail"]) == event


def test_a_bus_that_cannot_be_reached_or_refuses_is_unavailable(aws: Aws) -> None:
    events = aws("events")
    events.meta.events.register("before-send.events", refuse)
    with pytest.raises(Unavailable, match="EventBridge"):
        EventBus(events, "yomawari").announce(EVENT)

    class Refusing:
        def put_events(self, **_: object) -> dict[str, Any]:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}

    with pytest.raises(Unavailable, match="InternalFailure"):
        EventBus(Refusing(), "yomawari").announce(EVENT)
