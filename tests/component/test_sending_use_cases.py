"""Multicasting and pushing over real sockets, through lost answers, and repeated with the same keys."""

import random
from collections.abc import Iterator

import pytest

from tests.support.line_clients import FRIENDS, PEOPLE, TOKEN, Line
from tests.support.line_double import STRANGER
from tools.line_double.faults import Faults
from tools.line_double.process import RunningDouble, running_double
from tools.line_double.sends import SendRules, text_digest
from yomawari.adapters.gate_fake import GateFake
from yomawari.adapters.line_messages import LineMessages
from yomawari.adapters.ssm_fake import TokensFake
from yomawari.runtime import now_us
from yomawari.usecases.multicasting import Multicasting
from yomawari.usecases.parcels import Told
from yomawari.usecases.pushing import Pushing


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
    return Line(double.url, http2=request.param == "h2", timeout_s=5)


def visit_multicast(line: Line, users: list[tuple[int, str]], within_s: float = 20) -> Told:
    async def main(messages: LineMessages) -> Told:
        return await Multicasting(
            gate=GateFake(), messages=messages, tokens=TokensFake({7: TOKEN}), clock=now_us, random=random.random
        ).send(7, None, users, "a change", ("job_change", 12), now_us() + int(within_s * 1e6))

    return line.messages(main)


@pytest.mark.parametrize("names_recipients", [True, False])
def test_everyone_but_the_bad_is_told_once_through_lost_answers_and_a_redelivery(
    line: Line, double: RunningDouble, *, names_recipients: bool
) -> None:
    control = double.control
    control.set_foreign("7", frozenset([PEOPLE[3], PEOPLE[700]]))
    control.set_send_rules(SendRules(names_recipients=names_recipients))
    control.set_faults(Faults(lost_answer_share=0.2, server_error_share=0.1, cut_share=0.05))
    users = list(enumerate(PEOPLE[:1_200]))
    told = visit_multicast(line, users)
    assert sorted(told.accepted + told.rejected + told.unanswered + told.unsent) == list(range(1_200))
    assert set(told.rejected) <= {3, 700}
    control.set_faults(Faults())
    again = visit_multicast(line, users)
    assert set(again.rejected) == {3, 700}
    assert len(again.accepted) == 1_198
    assert again.repeated > 0
    digests = control.digests("7")
    assert digests == {one: [text_digest("a change")] for number, one in users if number not in {3, 700}}


def test_a_multicast_reaches_friends_only_and_counts_them_only(line: Line, double: RunningDouble) -> None:
    told = visit_multicast(line, list(enumerate([*FRIENDS[:10], STRANGER])))
    assert len(told.accepted) == 11
    assert [sent.is_delivered for sent in double.control.deliveries("7")[STRANGER]] == [False]
    assert double.control.report().sends["7"].used == 10


def test_summaries_are_pushed_once_within_the_limit(line: Line, double: RunningDouble) -> None:
    double.control.set_faults(Faults(lost_answer_share=0.05))
    messages = [(number, one, f"summary {number}") for number, one in enumerate(PEOPLE)]

    async def main(port: LineMessages) -> Told:
        return await Pushing(
            gate=GateFake(), messages=port, tokens=TokensFake({7: TOKEN}), clock=now_us, random=random.random
        ).push_all(7, None, messages, ("summary", "2026-11-21"), now_us() + 60_000_000)

    told = line.messages(main)
    assert len(told.accepted) == 2_000
    assert told.repeated > 0
    assert double.control.digests("7") == {one: [text_digest(text)] for _number, one, text in messages}
    assert double.control.report().channels["7"]["push"].peak_per_s <= 2_000
