"""The double as a process, asked over real sockets by the clients it is there for."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pycurl
import pytest
from pydantic import ValidationError

from tests.support.line_double import FRIEND, STRANGER, TOKEN
from tools.line_double.faults import Faults, OutageMode
from tools.line_double.followers import FollowerRules
from tools.line_double.process import RunningDouble, running_double
from tools.line_double.truth import expected_status, token_for

HTTP2_STREAM = 92  # CURLE_HTTP2_STREAM, which pycurl does not name
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def one_double() -> Iterator[RunningDouble]:
    with running_double(latency_ms=20, jitter_ms=5) as double:
        yield double


@pytest.fixture
def double(one_double: RunningDouble) -> RunningDouble:
    one_double.control.reset()
    return one_double


@pytest.fixture
def http1(double: RunningDouble) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=double.url, headers=headers, trust_env=False, timeout=5) as client:
        yield client


def profile(line_user_id: str) -> str:
    return f"/v2/bot/profile/{line_user_id}"


class Curl:
    """pycurl's multi interface over HTTP/2 with prior knowledge: all requests at once, on a few connections."""

    def __init__(self, url: str, *, http2: bool = True, connections: int = 4, timeout_ms: int = 10_000) -> None:
        self._url = url
        self._version = pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE if http2 else pycurl.CURL_HTTP_VERSION_1_1
        self._timeout_ms = timeout_ms
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, connections)

    def ask(self, line_user_ids: list[str], token: str = TOKEN) -> dict[str, int | str]:
        """The status of each profile, or the number of curl's error as ``curl <number>``."""
        handles = [self._handle(line_user_id, token) for line_user_id in line_user_ids]
        for handle, _ in handles:
            self._multi.add_handle(handle)
        outcomes: dict[str, int | str] = {}
        while len(outcomes) < len(handles):
            self._multi.perform()
            _, done, failed = self._multi.info_read()
            outcomes |= {handle.line_user_id: handle.getinfo(pycurl.RESPONSE_CODE) for handle in done}
            outcomes |= {handle.line_user_id: f"curl {number}" for handle, number, _ in failed}
            self._multi.select(0.05)
        for handle, _ in handles:
            self._multi.remove_handle(handle)
            handle.close()
        return outcomes

    def _handle(self, line_user_id: str, token: str) -> tuple[pycurl.Curl, bytearray]:
        body = bytearray()
        handle = pycurl.Curl()
        handle.line_user_id = line_user_id
        handle.setopt(pycurl.URL, self._url + profile(line_user_id))
        handle.setopt(pycurl.HTTPHEADER, [f"Authorization: Bearer {token}"])
        handle.setopt(pycurl.HTTP_VERSION, self._version)
        handle.setopt(pycurl.PIPEWAIT, 1)
        handle.setopt(pycurl.TIMEOUT_MS, self._timeout_ms)
        handle.setopt(pycurl.WRITEFUNCTION, body.extend)
        return handle, body

    def close(self) -> None:
        self._multi.close()


@pytest.fixture
def curl(double: RunningDouble) -> Iterator[Curl]:
    client = Curl(double.url)
    yield client
    client.close()


def line_user_ids(count: int) -> list[str]:
    return [f"U{number:032x}" for number in range(count)]


def test_a_thousand_concurrent_streams_get_the_truth(double: RunningDouble, curl: Curl) -> None:
    asked = line_user_ids(1000)
    assert curl.ask(asked) == {one: expected_status("7", one) for one in asked}
    report = double.control.report()
    assert report.channels["7"]["profile"].calls == report.totals.calls == 1000
    assert Counter(report.totals.statuses) == Counter(str(expected_status("7", one)) for one in asked)
    # On 4 connections of 128 streams nothing can be faster than two rounds of the shortest latency.
    first_s, last_s = report.totals.first_s, report.totals.last_s
    assert first_s is not None
    assert last_s is not None
    assert last_s - first_s >= 0.015


def test_tenants_that_share_a_connection_are_told_apart(double: RunningDouble, curl: Curl) -> None:
    asked = line_user_ids(50)
    for tenant_id in ("1", "2", "3"):
        assert curl.ask(asked, token_for(tenant_id)) == {one: expected_status(tenant_id, one) for one in asked}
    assert {tenant_id: lanes["profile"].calls for tenant_id, lanes in double.control.report().channels.items()} == {
        "1": 50,
        "2": 50,
        "3": 50,
    }


def test_http1_keeps_its_connection_and_answers_after_the_latency(http1: httpx.Client) -> None:
    started_s = time.monotonic()
    answers = [http1.get(profile(one)) for one in (FRIEND, STRANGER, "Ubad")]
    assert time.monotonic() - started_s >= 3 * 0.015
    assert [answer.status_code for answer in answers] == [200, 404, 400]
    assert answers[0].json()["userId"] == FRIEND
    assert len({answer.headers["x-line-request-id"] for answer in answers}) == 3
    assert all("retry-after" not in answer.headers for answer in answers)


def test_fragments_and_pipelining_over_a_raw_socket(double: RunningDouble) -> None:
    host, port = double.url.removeprefix("http://").split(":")
    requests = b"".join(
        f"GET {profile(one)} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n{last}\r\n".encode()
        for one, last in ((FRIEND, ""), (STRANGER, ""), (FRIEND, "Connection: close\r\n"))
    )
    with socket.create_connection((host, int(port)), timeout=5) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(requests), 11):
            raw.sendall(requests[start : start + 11])
        received = b"".join(iter(lambda: raw.recv(65536), b""))
    assert [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]] == [b"200", b"404", b"200"]


def test_both_protocols_at_once(double: RunningDouble) -> None:
    asked = line_user_ids(300)
    expected = {one: expected_status("7", one) for one in asked}
    clients = [Curl(double.url, http2=http2, connections=8) for http2 in (True, False)]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda client: client.ask(asked), clients)) == [expected, expected]
    for client in clients:
        client.close()


def test_more_than_the_limit_is_429(double: RunningDouble, curl: Curl) -> None:
    double.control.set_limits(limit_per_s=1, bucket=100)
    statuses = Counter(curl.ask([FRIEND[:-2] + f"{number:02x}" for number in range(150)]).values())
    assert 49 <= statuses[429] <= 50


@pytest.mark.parametrize(
    ("faults", "over_http2", "over_http1"),
    [
        (Faults(server_error_share=1), 500, 500),
        (Faults(html_400_share=1), 400, 400),
        (Faults(html_200_share=1), 200, 200),
        (Faults(unauthorized=True), 401, 401),
        (Faults(forbidden=True), 403, 403),
        (Faults(cut_share=1), f"curl {HTTP2_STREAM}", f"curl {pycurl.E_RECV_ERROR}"),
        (Faults(cut_connection_share=1), f"curl {pycurl.E_RECV_ERROR}", f"curl {pycurl.E_RECV_ERROR}"),
        (Faults(never_answer_share=1), f"curl {pycurl.E_OPERATION_TIMEDOUT}", f"curl {pycurl.E_OPERATION_TIMEDOUT}"),
    ],
)
def test_each_fault_shows_as_it_would(
    double: RunningDouble, faults: Faults, over_http2: int | str, over_http1: int | str
) -> None:
    double.control.set_faults(faults, "7")
    for http2, outcome in ((True, over_http2), (False, over_http1)):
        client = Curl(double.url, http2=http2, timeout_ms=300)
        assert client.ask([FRIEND]) == {FRIEND: outcome}
        assert client.ask([FRIEND], token_for("8")) == {FRIEND: expected_status("8", FRIEND)}
        client.close()


def test_a_cut_stream_leaves_the_others_of_its_connection_alone(double: RunningDouble) -> None:
    double.control.set_faults(Faults(cut_share=0.2))
    client = Curl(double.url, connections=1)
    outcomes = Counter(client.ask(line_user_ids(120)).values())
    client.close()
    assert set(outcomes) == {200, 404, f"curl {HTTP2_STREAM}"}
    assert double.control.report().totals.statuses["cut"] == outcomes[f"curl {HTTP2_STREAM}"]


def test_html_instead_of_json(double: RunningDouble, http1: httpx.Client) -> None:
    double.control.set_faults(Faults(html_400_share=1))
    answer = http1.get(profile(FRIEND))
    assert (answer.headers["content-type"], answer.headers["server"]) == ("text/html", "AkamaiGHost")
    assert len(answer.content) == 216


def test_a_storm_and_an_outage_come_and_go(double: RunningDouble, http1: httpx.Client) -> None:
    double.control.set_storm(60)
    assert http1.get(profile(FRIEND)).status_code == 429
    double.control.set_storm(0)
    double.control.set_outage(60, OutageMode.UNAVAILABLE, tenant_id="7")
    assert http1.get(profile(FRIEND)).status_code == 503
    double.control.set_outage(60, OutageMode.SILENT)
    with pytest.raises(httpx.ReadTimeout):
        http1.get(profile(FRIEND), timeout=0.2)
    double.control.set_outage(0)
    assert http1.get(profile(FRIEND)).status_code == 200


def test_tokens_friends_latency_and_closing_are_set_while_it_runs(double: RunningDouble, http1: httpx.Client) -> None:
    control = double.control
    control.set_token(TOKEN, revoked=True)
    assert http1.get(profile(FRIEND)).status_code == 401
    control.set_token(TOKEN, revoked=False)
    control.set_friends("7", {FRIEND: False})
    control.set_closing(close_on_4xx=True)
    control.set_latency(150)
    started_s = time.monotonic()
    answer = http1.get(profile(FRIEND))
    assert time.monotonic() - started_s >= 0.15
    assert (answer.status_code, answer.headers["connection"]) == (404, "close")
    control.clear_record()
    assert control.report().totals.calls == 0
    assert control.is_healthy()


def test_an_order_that_does_not_fit_is_refused(double: RunningDouble) -> None:
    with pytest.raises(ValidationError):
        double.control.set_limits(limit_per_s=-1, bucket=1)
    answer = httpx.put(f"{double.url}/_double/limits", json={"limit_per_s": -1, "bucket": 1}, trust_env=False)
    assert answer.status_code == 400
    assert answer.json()[0]["loc"] == ["limit_per_s"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_its_port_and_ends_cleanly_with_calls_in_flight(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "tools.line_double", "--port", "0", "--latency-ms", "5000"]
    with subprocess.Popen(  # noqa: S603 (our own interpreter)
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        port = json.loads(process.stdout.readline())["port"]
        with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
            raw.sendall(f"GET {profile(FRIEND)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            health = httpx.get(f"http://127.0.0.1:{port}/_double/health", trust_env=False)
            assert health.json() == {"ok": True}
            process.send_signal(number)
            assert process.wait(10) == 0
        assert process.stdout.read() == ""
        assert process.stderr.read() == ""


def test_a_double_that_cannot_start_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with (
            pytest.raises(RuntimeError, match="before it was ready"),
            running_double(port=taken.getsockname()[1]),
        ):
            pass


def test_a_client_tells_the_list_of_people_and_walks_it(double: RunningDouble, http1: httpx.Client) -> None:
    known = line_user_ids(1_500)
    double.control.set_followers("7", verified=True)
    double.control.add_follower_ids("7", known)
    first = http1.get("/v2/bot/followers/ids?limit=1000").json()
    last = http1.get("/v2/bot/followers/ids", params={"limit": 1000, "start": first["next"]}).json()
    assert "next" not in last
    assert {*first["userIds"], *last["userIds"]} == {one for one in known if expected_status("7", one) == 200}
    double.control.set_follower_rules(FollowerRules(hides_everyone=True), "7")
    assert http1.get("/v2/bot/followers/ids").json() == {"userIds": []}
