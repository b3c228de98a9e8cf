"""LINE's bad days: refused channels, 429 storms, outages, HTML, 5xx. Nobody is misjudged, and everybody settles."""

import asyncio
import time
from collections.abc import Callable

import pytest

from tests.support.night import RUN, Night
from tools.line_double.faults import Faults, OutageMode
from tools.line_double.process import running_double
from tools.line_double.truth import token_for
from tools.local_stack.processes import free_ports
from yomawari import runtime
from yomawari.adapters.curl import CurlEngine, Done

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

FOR_LONG_S = 600.0
HTML = b"<html><body>Bad Request</body></html>"


def visit(night: Night, times: int) -> None:
    """Let the worker see every chunk so often, and nobody settle anything."""
    night.checks.batch_size = 10
    chunks = night.stack.waiting("FriendChecks")
    for _ in range(times):
        assert night.checks.once() == chunks
        night.wait(lambda: not night.stack.delayed("FriendChecks"))


def nothing_is_marked(night: Night) -> bool:
    books = night.books()
    is_open = books.report.state == "running" and books.report.totals.settled == books.report.totals.failed == 0
    return is_open and books.after == books.before and not night.stack.waiting("FriendChecksDeadLetters")


def revoke(night: Night) -> None:
    night.double.control.set_token(token_for("1"), revoked=True)


def renew(night: Night) -> None:
    night.put_token(1, version="2")


def forbid(night: Night) -> None:
    night.double.control.set_faults(Faults(forbidden=True), tenant_id="1")


def permit(night: Night) -> None:
    night.double.control.set_faults(Faults(), tenant_id="1")


@pytest.mark.parametrize(
    ("breaks", "mends", "reason"), [(revoke, renew, "unauthorized"), (forbid, permit, "forbidden")], ids=["401", "403"]
)
def test_a_channel_refused_in_mid_run_is_closed_and_redriven_once_it_is_mended(
    night: Night, breaks: Callable[[Night], None], mends: Callable[[Night], None], reason: str
) -> None:
    night.seed({1: 600, 2: 150, 3: 60})
    night.dispatch()
    night.checks.batch_size = 2
    night.checks.once()
    breaks(night)
    night.drain()
    books = night.settled("completed_with_failures")
    refused, *others = books.report.tenants
    assert (refused.state, refused.reason) == ("closed", reason)
    assert 100 < refused.settled < 300 < refused.failed
    assert [(row.state, row.failed) for row in others] == [("dispatched", 0), ("dispatched", 0)]
    assert {(chunk.tenant_id, chunk.reason, chunk.attempt) for chunk in night.dead_chunks()} == {(1, reason, 1)}
    assert sum(night.asked()[status] for status in ("401", "403")) < 200
    mends(night)
    redriven = night.redrive()
    assert (redriven.seekers, redriven.tenants) == (refused.failed, {1})
    night.drain()
    night.settled()
    announced = sorted(event["state"] for event in night.stack.announced())
    assert announced == ["completed", "completed_with_failures"]


def test_a_closed_channel_costs_no_call_until_it_is_redriven(night: Night) -> None:
    night.seed({1: 800})
    forbid(night)
    night.dispatch()
    night.checks.once()
    asked = night.asked().total()
    night.drain()
    assert night.asked().total() == asked
    assert night.settled("completed_with_failures").report.totals.failed == night.askable()


def test_a_redrive_before_the_channel_is_mended_changes_nothing(night: Night) -> None:
    night.seed({1: 150, 2: 50})
    forbid(night)
    night.dispatch()
    night.drain()
    before = night.settled("completed_with_failures")
    night.redrive()
    night.drain()
    again = night.settled("completed_with_failures")
    assert again.after == before.after
    assert [event["state"] for event in night.stack.announced()] == ["completed_with_failures"]


def test_only_one_tenants_chunks_are_redriven(night: Night) -> None:
    night.seed({1: 150, 2: 150})
    night.double.control.set_faults(Faults(forbidden=True))
    night.dispatch()
    night.drain()
    night.double.control.set_faults(Faults())
    assert night.redrive(tenant_id=2).others == 2
    night.drain()
    books = night.settled("completed_with_failures")
    assert {key[0] for key in books.failed()} == {1}


def test_a_429_storm_closes_the_gate_for_all_workers_and_counts_no_attempt(night: Night) -> None:
    """With one attempt only, anybody whose attempt were counted would be given up."""
    night.seed({1: 2_000, 2: 300})
    with night.workers(2, attempts=1):
        night.double.control.set_storm(FOR_LONG_S, tenant_id="1")
        night.dispatch()
        night.wait(lambda: night.gate("1").get("closed_reason") == "rate_limited")
        closed_from_s = time.time() + 0.3
        time.sleep(max(0.0, float(night.gate("1")["closed_until_us"]) / 1e6 - 0.1 - time.time()))
        last_s = night.double.control.report().channels["1"]["profile"].last_s
        assert last_s is not None
        assert last_s < closed_from_s
        night.wait(lambda: int(night.gate("1")["penalty_us"]) > 1_000_000)
        assert night.asked()["429"] < 1_000
        night.double.control.set_storm(0)
        night.drain_writes()
    night.settled()
    assert not night.dead_chunks()


def test_a_429_storm_defers_what_cannot_wait_and_counts_no_attempt(night: Night, settings: dict[str, int]) -> None:
    settings.update(attempts=1, patience_us=100_000)
    night.seed({1: 300, 2: 100})
    night.double.control.set_storm(FOR_LONG_S)
    night.dispatch()
    visit(night, times=1)
    assert nothing_is_marked(night)
    night.double.control.set_storm(0)
    night.drain()
    night.settled()


@pytest.mark.parametrize("mode", OutageMode)
def test_line_down_marks_nobody_and_everybody_settles_afterwards(
    night: Night, monkeypatch: pytest.MonkeyPatch, mode: OutageMode
) -> None:
    monkeypatch.setattr(runtime, "CALL_TIMEOUT_S", 0.3)
    night.seed({1: 350, 2: 90})
    night.double.control.set_outage(FOR_LONG_S, mode)
    night.dispatch()
    visit(night, times=3)
    assert nothing_is_marked(night)
    night.double.control.set_outage(0)
    night.drain()
    night.settled()


def test_line_that_refuses_connections_marks_nobody_and_everybody_settles_afterwards(night: Night) -> None:
    (port,) = free_ports(1)
    night.stack.extra["LINE_BASE_URL"] = f"http://127.0.0.1:{port}"
    night.seed({1: 350, 2: 90})
    night.dispatch()
    visit(night, times=3)
    assert nothing_is_marked(night)
    with running_double(port=port, latency_ms=3.0):
        night.drain()
    night.settled()


class Edge:
    """The CDN in front of LINE, which answers in its place with HTML while it is told to."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.is_on = True
        self.answers = 0

    def get(self, ask: Callable[..., None], engine: CurlEngine, url: str, headers: list[str], done: Done) -> None:
        if self.is_on:
            self.answers += 1
            asyncio.get_running_loop().call_soon(done, self.status, HTML)
        else:
            ask(engine, url, headers, done)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404])
def test_html_is_nobodys_answer(night: Night, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    edge, ask = Edge(status), CurlEngine.get
    monkeypatch.setattr(CurlEngine, "get", lambda *args: edge.get(ask, *args))
    night.seed({1: 250, 2: 50})
    night.dispatch()
    visit(night, times=2)
    assert nothing_is_marked(night)
    assert edge.answers
    edge.is_on = False
    night.drain()
    night.settled()


def test_html_between_lines_own_answers(night: Night) -> None:
    night.seed({1: 250, 2: 50})
    night.double.control.set_faults(Faults(html_200_share=0.15, html_400_share=0.15))
    night.dispatch()
    night.drain()
    night.settled()


def test_thirty_percent_5xx_and_cut_calls_settle_in_the_end(night: Night) -> None:
    night.seed({1: 350, 2: 120})
    night.double.control.set_faults(Faults(server_error_share=0.25, cut_share=0.04, cut_connection_share=0.01))
    night.dispatch()
    night.drain()
    night.settled()
    assert night.asked()["500"] > 50


def test_whoever_stays_unknown_is_dead_lettered_with_the_reason_and_redriven(night: Night) -> None:
    night.seed({1: 300, 2: 90})
    night.double.control.set_faults(Faults(server_error_share=0.85), tenant_id="1")
    night.dispatch()
    night.drain()
    books = night.settled("completed_with_failures")
    assert 0 < len(books.failed()) < 293
    assert {key[0] for key in books.failed()} == {1}
    for message in night.stack.peek("FriendChecksDeadLetters"):
        assert message["MessageAttributes"]["reason"]["StringValue"] == "HTTP 500"
    assert {(chunk.reason, chunk.attempt) for chunk in night.dead_chunks()} == {("HTTP 500", 1)}
    night.double.control.set_faults(Faults())
    assert night.redrive().seekers == len(books.failed())
    night.drain()
    night.settled()
    announced = {event["state"]: event for event in night.stack.announced()}
    assert announced.keys() == {"completed", "completed_with_failures"}
    assert announced["completed_with_failures"]["failed"] == len(books.failed())
    assert announced["completed"]["run_id"] == RUN


def test_the_functions_deadline_sends_the_rest_back_at_once(night: Night, settings: dict[str, int]) -> None:
    settings.update(attempts=1)
    night.seed({1: 400, 2: 50})
    night.slow_down(1, rate_per_s=301)
    night.dispatch()
    night.warm_up()
    night.checks.timeout_s = 10.5
    night.checks.once()
    assert 0 < night.asked().total() < 300
    assert 2 <= night.stack.waiting("FriendChecks") <= 5
    night.checks.timeout_s = 120
    night.drain()
    night.settled()
    assert night.asked().total() == night.askable()
