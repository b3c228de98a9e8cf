"""LINE's profile endpoint through the engine: what each of the double's answers means."""

import asyncio
from collections import Counter

import pytest

from tools.line_double.faults import Faults
from tools.line_double.process import RunningDouble
from tools.line_double.truth import expected_status, token_for
from tools.local_stack.processes import free_ports
from yomawari.adapters.curl import CurlEngine
from yomawari.adapters.line import LineProfiles
from yomawari.domain.outcomes import Answer, ChannelRefused, Friend, InvalidId, NotFriend, RateLimited, Unknown

TRUTH: dict[int, Answer] = {200: Friend(), 404: NotFriend(), 400: InvalidId()}


def ask(url: str, ids: list[str], token: str = token_for("1")) -> list[Answer]:
    """What LINE says of each, in the order of the questions."""

    async def main() -> list[Answer]:
        loop = asyncio.get_running_loop()
        engine = CurlEngine(loop, connections=4, connect_timeout_s=1, timeout_s=0.5, cleartext=True)
        profiles = LineProfiles(engine, url)
        futures: list[asyncio.Future[Answer]] = [loop.create_future() for _ in ids]
        for line_id, future in zip(ids, futures, strict=True):
            profiles.ask(token, line_id, future.set_result)
        try:
            async with asyncio.timeout(10):
                return await asyncio.gather(*futures)
        finally:
            engine.close()

    return asyncio.run(main())


IDS = [f"U{number:032x}" for number in range(60)]


def test_friends_others_and_ids_that_line_calls_invalid(double: RunningDouble) -> None:
    ids = [*IDS, "U123", "u" + "0" * 32]
    assert ask(double.url, ids) == [TRUTH[expected_status("1", line_id)] for line_id in ids]


def test_a_token_that_line_does_not_know(double: RunningDouble) -> None:
    assert ask(double.url, IDS[:3], "nobodys") == [ChannelRefused("unauthorized")] * 3


@pytest.mark.parametrize(
    ("faults", "answer"),
    [
        (Faults(unauthorized=True), ChannelRefused("unauthorized")),
        (Faults(forbidden=True), ChannelRefused("forbidden")),
        (Faults(server_error_share=1), Unknown("HTTP 500")),
        (Faults(html_400_share=1), Unknown("400 that is not LINE's")),
        (Faults(html_200_share=1), Unknown("200 without a profile")),
    ],
    ids=["401", "403", "500", "html 400", "html 200"],
)
def test_what_goes_wrong_at_line(double: RunningDouble, faults: Faults, answer: Answer) -> None:
    double.control.set_faults(faults)
    assert ask(double.url, IDS) == [answer] * len(IDS)


def test_too_many_calls(double: RunningDouble) -> None:
    double.control.set_limits(1, 10)
    told = Counter(type(answer) for answer in ask(double.url, IDS))
    assert told[RateLimited] >= 45


@pytest.mark.parametrize("faults", [Faults(cut_share=1), Faults(cut_connection_share=1), Faults(never_answer_share=1)])
def test_no_answer_says_why(double: RunningDouble, faults: Faults) -> None:
    double.control.set_faults(faults)
    for answer in ask(double.url, IDS[:10]):
        assert isinstance(answer, Unknown)
        assert answer.reason.startswith("no answer: ")


def test_nobody_there() -> None:
    (port,) = free_ports(1)
    for answer in ask(f"http://127.0.0.1:{port}", IDS[:10]):
        assert isinstance(answer, Unknown)


def test_no_reason_holds_a_token_or_an_id(double: RunningDouble) -> None:
    double.control.set_faults(Faults(cut_share=0.5, server_error_share=0.5))
    for answer in ask(double.url, IDS):
        assert "double-" not in repr(answer)
        assert not any(line_id in repr(answer) for line_id in IDS)
