"""The HTTP engine against the LINE double: every call is answered exactly once, whatever the network does."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tools.line_double.faults import Faults, OutageMode
from tools.line_double.process import RunningDouble
from tools.line_double.truth import expected_status, token_for
from tools.local_stack.processes import free_ports
from yomawari.adapters.curl import NO_ANSWER, CurlEngine

Answers = list[tuple[int, bytes]]


def line_user_id(number: int) -> str:
    return f"U{number:032x}"


def connections_to(url: str) -> int:
    """This process's established connections to a server on this machine."""
    remote = f"0100007F:{int(url.rsplit(':', 1)[1]):04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return sum(row[2] == remote and row[3] == "01" for row in rows)


class Client:
    """An engine, and what it was told."""

    def __init__(self, url: str, *, connections: int = 16, timeout_s: float = 5.0) -> None:
        self.url = url
        loop = asyncio.get_running_loop()
        self.engine = CurlEngine(
            loop, connections=connections, connect_timeout_s=2.0, timeout_s=timeout_s, cleartext=True
        )
        self._headers = {tenant: [f"Authorization: Bearer {token_for(tenant)}"] for tenant in ("1", "2")}

    async def ask(self, ids: list[str], tenant: str = "1") -> Answers:
        """Ask about all of them at once; returns the answers in the order of the questions."""
        told: dict[int, list[tuple[int, bytes]]] = {number: [] for number in range(len(ids))}
        all_told = asyncio.Event()
        left = len(ids)

        def hear(number: int) -> Callable[[int, bytes], None]:
            def done(status: int, body: bytes) -> None:
                nonlocal left
                told[number].append((status, body))
                left -= 1
                if not left:
                    all_told.set()

            return done

        for number, line_id in enumerate(ids):
            self.engine.get(f"{self.url}/v2/bot/profile/{line_id}", self._headers[tenant], hear(number))
            assert not told[number]
        async with asyncio.timeout(15):
            await all_told.wait()
        assert all(len(answers) == 1 for answers in told.values())
        return [answers[0] for answers in told.values()]


def with_client(work: Callable[[Client], Coroutine[Any, Any, None]], url: str, **options: Any) -> None:
    async def main() -> None:
        client = Client(url, **options)
        try:
            await work(client)
        finally:
            client.engine.close()

    asyncio.run(main())


def statuses(answers: Answers) -> Counter[int]:
    return Counter(status for status, _ in answers)


def test_more_calls_at_once_than_streams_on_few_connections(double: RunningDouble) -> None:
    double.control.set_latency(20)
    double.control.set_limits(1_000_000, 1_000_000)
    ids = [line_user_id(number) for number in range(3_000)]

    async def work(client: Client) -> None:
        answers = await client.ask(ids)
        assert connections_to(double.url) - others <= 4
        for line_id, (status, body) in zip(ids, answers, strict=True):
            assert status == expected_status("1", line_id)
            assert status != 200 or json.loads(body)["userId"] == line_id

    others = connections_to(double.url)
    with_client(work, double.url, connections=4)
    assert double.control.report().totals.calls == 3_000


def test_connections_are_used_again(double: RunningDouble) -> None:
    async def work(client: Client) -> None:
        await client.ask([line_user_id(number) for number in range(50)])
        before = connections_to(double.url)
        for _ in range(3):
            await client.ask([line_user_id(number) for number in range(50)])
        assert connections_to(double.url) == before

    with_client(work, double.url, connections=2)


def test_a_handle_used_again_carries_its_callers_own_token(double: RunningDouble) -> None:
    async def work(client: Client) -> None:
        for tenant in ("1", "2", "1", "2"):
            answers = await client.ask([line_user_id(5)] * 30, tenant)
            assert set(statuses(answers)) == {expected_status(tenant, line_user_id(5))}

    with_client(work, double.url)
    channels = double.control.report().channels
    assert {tenant: ends["profile"].calls for tenant, ends in channels.items()} == {"1": 60, "2": 60}


@pytest.mark.parametrize(
    "faults", [Faults(cut_share=0.3), Faults(cut_connection_share=0.02)], ids=["stream", "connection"]
)
def test_a_cut_is_no_answer_and_the_others_are_not_disturbed_for_good(double: RunningDouble, faults: Faults) -> None:
    double.control.set_faults(faults)
    ids = [line_user_id(number) for number in range(400)]

    async def work(client: Client) -> None:
        answers = await client.ask(ids)
        told = statuses(answers)
        assert told[NO_ANSWER] > 0
        assert set(told) <= {NO_ANSWER, 200, 404}
        assert all(body for status, body in answers if status == NO_ANSWER)
        double.control.set_faults(Faults())
        assert NO_ANSWER not in statuses(await client.ask(ids))

    with_client(work, double.url)


def test_a_dead_connection_repeats_at_most_one_call_behind_the_gates_back(double: RunningDouble) -> None:
    """libcurl repeats a call whose connection, used before, dies as it is sent; no option forbids it (8.23).

    Each repetition is a call without a permit, so they must stay few: the gate keeps 6 % of LINE's limit free.
    """
    double.control.set_latency(20)
    double.control.set_limits(1_000_000, 1_000_000)
    ids = [line_user_id(number) for number in range(300)]

    async def work(client: Client) -> None:
        await client.ask(ids)
        double.control.clear_record()
        double.control.set_faults(Faults(cut_connection_share=0.01))
        for _ in range(5):
            await client.ask(ids)

    with_client(work, double.url)
    record = double.control.report().totals
    assert record.statuses["cut_connection"] > 0
    assert record.calls <= 1_500 + record.statuses["cut_connection"]


def test_a_call_that_is_never_answered_times_out(double: RunningDouble) -> None:
    double.control.set_outage(60, OutageMode.SILENT)

    async def work(client: Client) -> None:
        began_s = time.monotonic()
        answers = await client.ask([line_user_id(number) for number in range(200)])
        assert 0.4 <= time.monotonic() - began_s < 4
        assert set(statuses(answers)) == {NO_ANSWER}
        double.control.set_outage(0)
        assert NO_ANSWER not in statuses(await client.ask([line_user_id(1)]))

    with_client(work, double.url, timeout_s=0.5)


def test_a_connection_that_is_refused_is_no_answer_at_once() -> None:
    (port,) = free_ports(1)

    async def work(client: Client) -> None:
        began_s = time.monotonic()
        answers = await client.ask([line_user_id(number) for number in range(50)])
        assert set(statuses(answers)) == {NO_ANSWER}
        assert time.monotonic() - began_s < 2

    with_client(work, f"http://127.0.0.1:{port}")


def test_html_arrives_as_it_is(double: RunningDouble) -> None:
    double.control.set_faults(Faults(html_400_share=1))

    async def work(client: Client) -> None:
        for status, body in await client.ask([line_user_id(number) for number in range(20)]):
            assert status == 400
            assert body.startswith(b"<HTML>")

    with_client(work, double.url)


def test_a_callback_may_make_the_next_call(double: RunningDouble) -> None:
    async def work(client: Client) -> None:
        told: list[int] = []
        all_told = asyncio.Event()

        def done(status: int, _body: bytes) -> None:
            told.append(status)
            if len(told) < 50:
                client.engine.get(f"{double.url}/v2/bot/profile/{line_user_id(len(told))}", headers, done)
            else:
                all_told.set()

        headers = [f"Authorization: Bearer {token_for('1')}"]
        client.engine.get(f"{double.url}/v2/bot/profile/{line_user_id(0)}", headers, done)
        async with asyncio.timeout(10):
            await all_told.wait()
        assert set(told) <= {200, 404}

    with_client(work, double.url)


def test_closing_drops_calls_under_way_and_leaves_nothing_behind(double: RunningDouble) -> None:
    double.control.set_outage(60, OutageMode.SILENT)
    told: list[int] = []

    async def work(client: Client) -> None:
        before = connections_to(double.url)
        headers = [f"Authorization: Bearer {token_for('1')}"]
        for number in range(100):
            client.engine.get(f"{double.url}/v2/bot/profile/{line_user_id(number)}", headers, lambda *_: told.append(1))
        await asyncio.sleep(0.1)
        client.engine.close()
        assert not client.engine._watched
        assert connections_to(double.url) <= before
        await asyncio.sleep(0.6)
        client.engine.close = lambda: None  # type: ignore[method-assign]

    with_client(work, double.url, timeout_s=0.3)
    assert not told
