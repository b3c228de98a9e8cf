"""The curl transport and LineMessages against the double, over HTTP/2 and HTTP/1.1; the fake against the same."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from uuid import UUID

import httpx
import pytest

from tests.support.line_clients import FRIENDS, PEOPLE, TOKEN, Line
from tools.line_double.faults import Faults, OutageMode
from tools.line_double.process import RunningDouble, running_double
from tools.line_double.sends import SendRules, text_digest
from yomawari.adapters.curl import CurlEngine
from yomawari.adapters.line import LineProfiles
from yomawari.adapters.line_messages import LineMessages
from yomawari.adapters.line_messages_fake import LineMessagesFake, Lost
from yomawari.domain.outcomes import Answer, ChannelRefused, Friend, RateLimited, Unknown
from yomawari.domain.sends import (
    Accepted,
    AlreadyAccepted,
    BadMessage,
    BadRecipients,
    BadRequest,
    QuotaReached,
    SendAnswer,
    retry_key,
)
from yomawari.usecases.ports import Unavailable
from yomawari.usecases.send_ports import LineMessages as LineMessagesPort

KEY = retry_key("test", 1)


@pytest.fixture(scope="module")
def one_double() -> Iterator[RunningDouble]:
    with running_double(latency_ms=5, jitter_ms=2) as double:
        yield double


@pytest.fixture
def double(one_double: RunningDouble) -> RunningDouble:
    one_double.control.reset()
    return one_double


@pytest.fixture(params=["h2", "h1"])
def line(request: pytest.FixtureRequest, double: RunningDouble) -> Line:
    return Line(double.url, http2=request.param == "h2")


BODY = {"to": FRIENDS[0], "messages": [{"type": "text", "text": "こんにちは"}]}
HEADERS = {"Authorization": f"Bearer {TOKEN}", "X-Line-Retry-Key": str(KEY)}
PUSH = "/v2/bot/message/push"


def test_headers_and_bodies_go_both_ways(line: Line, double: RunningDouble, request: pytest.FixtureRequest) -> None:
    async def main(client: httpx.AsyncClient, _engine: CurlEngine) -> list[httpx.Response]:
        return [await client.post(PUSH, json=BODY, headers=HEADERS) for _ in range(2)]

    first, again = line.use(main)
    assert (first.status_code, again.status_code) == (200, 409)
    assert again.headers["x-line-accepted-request-id"] == first.headers["x-line-request-id"]
    assert again.headers["x-line-request-id"] != first.headers["x-line-request-id"]
    assert again.json() == {"message": "The retry key is already accepted", **first.json()}
    assert first.http_version == ("HTTP/2" if "h2" in request.node.name else "HTTP/1.1")
    (delivery,) = double.control.deliveries("7")[FRIENDS[0]]
    assert (delivery.text, delivery.retry_key, delivery.is_delivered) == ("こんにちは", str(KEY), True)
    assert delivery.request_id == first.headers["x-line-request-id"]


def test_a_body_of_many_frames_and_one_that_is_too_large(line: Line) -> None:
    async def main(client: httpx.AsyncClient, _engine: CurlEngine) -> list[int]:
        sizes = (100_000, 1_500_000, 2_100_000)
        bodies = [{**BODY, "messages": [{"type": "sticker", "padding": "x" * size}]} for size in sizes]
        return [
            (
                await client.post(PUSH, json=body, headers={**HEADERS, "X-Line-Retry-Key": str(retry_key(size))})
            ).status_code
            for size, body in zip(sizes, bodies, strict=True)
        ]

    assert line.use(main) == [200, 200, 413]


def test_profiles_and_messages_share_an_engine(line: Line) -> None:
    async def main(client: httpx.AsyncClient, engine: CurlEngine) -> list[object]:
        asked: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        LineProfiles(engine, str(client.base_url).rstrip("/")).ask(TOKEN, FRIENDS[0], asked.set_result)
        told = LineMessages(client).push(TOKEN, FRIENDS[0], "hello", KEY)
        return list(await asyncio.gather(asked, told))

    assert line.use(main) == [Friend(), Accepted()]


def test_many_calls_at_once_are_told_apart(line: Line, double: RunningDouble) -> None:
    double.control.set_limits(10_000, 10_000)

    async def main(messages: LineMessages) -> list[SendAnswer]:
        calls = (messages.push(TOKEN, one, f"to {one}", retry_key(one)) for one in FRIENDS[:400])
        return await asyncio.gather(*calls)

    assert set(line.messages(main)) == {Accepted()}
    assert double.control.digests("7") == {one: [text_digest(f"to {one}")] for one in FRIENDS[:400]}


@pytest.mark.parametrize(
    ("faults", "over_http2", "over_http1"),
    [
        (Faults(cut_share=1), httpx.RemoteProtocolError, httpx.ReadError),
        (Faults(cut_connection_share=1), httpx.ReadError, httpx.ReadError),
        (Faults(lost_answer_share=1), httpx.RemoteProtocolError, httpx.ReadError),
        (Faults(never_answer_share=1), httpx.ReadTimeout, httpx.ReadTimeout),
    ],
)
def test_no_answer_is_an_error_of_httpx(
    double: RunningDouble, faults: Faults, over_http2: type[Exception], over_http1: type[Exception]
) -> None:
    double.control.set_faults(faults)
    for http2, expected in ((True, over_http2), (False, over_http1)):
        with pytest.raises(expected):
            Line(double.url, http2=http2, timeout_s=1).use(
                lambda client, _engine: client.post(PUSH, json=BODY, headers=HEADERS)
            )


def test_a_server_that_is_not_there_and_one_that_does_not_greet() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(httpx.ConnectError):
            Line(f"http://127.0.0.1:{closed.getsockname()[1]}", http2=True).use(lambda client, _: client.get("/"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        line = Line(f"https://127.0.0.1:{silent.getsockname()[1]}", http2=False, timeout_s=1)
        with pytest.raises(httpx.ConnectTimeout):
            line.use(lambda client, _: client.get("/"))


def test_what_the_transport_does_not_speak(line: Line) -> None:
    with pytest.raises(httpx.UnsupportedProtocol):
        line.use(lambda client, _: client.put("/"))
    with pytest.raises(httpx.LocalProtocolError):
        line.use(lambda client, _: client.get("/", headers={"Authorization": "Bearer x\n"}))


def test_a_call_that_is_given_up_is_cut_off_and_others_go_on(line: Line, double: RunningDouble) -> None:
    double.control.set_latency(300)

    async def main(client: httpx.AsyncClient, _engine: CurlEngine) -> int:
        calls = [asyncio.create_task(client.post(PUSH, json=BODY, headers=HEADERS)) for _ in range(3)]
        await asyncio.sleep(0.1)
        calls[0].cancel()
        first, second, third = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(first, asyncio.CancelledError)
        assert isinstance(second, httpx.Response)
        assert isinstance(third, httpx.Response)
        return (await client.post(PUSH, json=BODY, headers=HEADERS)).status_code

    assert line.use(main) == 409


def test_every_kind_of_answer(line: Line, double: RunningDouble) -> None:
    control = double.control

    async def main(messages: LineMessages) -> None:
        def push(key: UUID = KEY, text: str = "hello") -> Awaitable[SendAnswer]:
            return messages.push(TOKEN, FRIENDS[0], text, key)

        assert isinstance(await push(text=""), BadMessage)
        assert isinstance(await push(text="x" * 5_001), BadMessage)
        control.set_faults(Faults(html_200_share=1))
        assert await push() == Unknown("200 that is not LINE's")
        control.set_faults(Faults(html_400_share=1))
        assert await push() == Unknown("400 that is not LINE's")
        control.set_faults(Faults(server_error_share=1))
        assert await push() == Unknown("HTTP 500")
        control.set_faults(Faults(cut_connection_share=1))
        assert await push() == Unknown("no answer: ReadError")
        control.set_faults(Faults(unauthorized=True))
        assert await push() == ChannelRefused("unauthorized")
        control.set_faults(Faults(forbidden=True))
        assert await push() == ChannelRefused("forbidden")
        control.set_faults(Faults())
        control.set_storm(60)
        assert await push() == RateLimited()
        control.set_storm(0)
        control.set_outage(60, OutageMode.UNAVAILABLE)
        assert await push() == Unknown("HTTP 503")
        control.set_outage(0)
        assert await push() == Accepted()
        control.set_send_rules(SendRules(clock_offset_s=24 * 3600))
        assert await push() == Accepted()
        assert await push() == AlreadyAccepted()

    line.messages(main)
    assert len(control.deliveries("7")[FRIENDS[0]]) == 2


def test_the_quota(line: Line, double: RunningDouble) -> None:
    async def main(messages: LineMessages) -> list[int | None]:
        left = [await messages.quota_left(TOKEN)]
        for limit, used in ((100, 30), (100, 130)):
            double.control.set_quota("7", limit, used)
            left.append(await messages.quota_left(TOKEN))
        return left

    assert line.messages(main) == [None, 70, 0]
    for faults in (Faults(html_200_share=1), Faults(server_error_share=1), Faults(cut_share=1)):
        double.control.set_faults(faults)
        with pytest.raises(Unavailable):
            line.messages(lambda messages: messages.quota_left(TOKEN))


# --- the fake does what the double does, as far as the use cases can tell ---


async def _walk(messages: LineMessagesPort, bad: str, lose: Callable[[bool], None]) -> list[SendAnswer]:
    """One of everything; `lose` says whether answers are lost from now on."""
    multicast, push = messages.multicast, messages.push
    answers = [
        await multicast(TOKEN, FRIENDS[:3], "a", retry_key(1)),
        await multicast(TOKEN, FRIENDS[:3], "a", retry_key(1)),
        await multicast(TOKEN, [*FRIENDS[:3], bad, bad], "b", retry_key(2)),
        await multicast(TOKEN, FRIENDS[:3], "b", retry_key(2)),
        await push(TOKEN, FRIENDS[0], "c", retry_key(3)),
        await push(TOKEN, FRIENDS[0], "other words", retry_key(3)),
        await push(TOKEN, bad, "d", retry_key(4)),
    ]
    lose(True)
    lost = await push(TOKEN, FRIENDS[1], "e", retry_key(5))
    lose(False)
    answers += [
        await push(TOKEN, FRIENDS[1], "e", retry_key(5)),
        await multicast(TOKEN, FRIENDS[:5], "f", retry_key(6)),
        await multicast(TOKEN, FRIENDS[:2], "f", retry_key(7)),
    ]
    assert isinstance(lost, Unknown)
    return answers


EXPECTED = [
    Accepted(),
    AlreadyAccepted(),
    BadRecipients((3,)),
    Accepted(),
    Accepted(),
    AlreadyAccepted(),
    BadRequest("400"),
    AlreadyAccepted(),
    QuotaReached(),
    Accepted(),
]
TEXTS = {FRIENDS[0]: ["a", "b", "c", "f"], FRIENDS[1]: ["a", "b", "e", "f"], FRIENDS[2]: ["a", "b"]}
QUOTA = 3 + 3 + 1 + 1 + 4


def test_the_contract_as_the_double_keeps_it(line: Line, double: RunningDouble) -> None:
    control = double.control
    control.set_foreign("7", frozenset([PEOPLE[-1]]))
    control.set_quota("7", QUOTA)

    def lose(is_lost: bool) -> None:
        control.set_faults(Faults(lost_answer_share=float(is_lost)))

    assert line.messages(lambda messages: _walk(messages, PEOPLE[-1], lose)) == EXPECTED
    assert {one: [sent.text for sent in box] for one, box in control.deliveries("7").items()} == TEXTS


def test_the_contract_as_the_fake_keeps_it() -> None:
    losing = [False]
    fake = LineMessagesFake(lambda *_: Lost() if losing[0] else None, latency_s=0)
    fake.bad, fake.quota = {PEOPLE[-1]}, QUOTA

    def lose(is_lost: bool) -> None:
        losing[0] = is_lost

    assert asyncio.run(_walk(fake, PEOPLE[-1], lose)) == EXPECTED
    assert fake.texts == TEXTS
