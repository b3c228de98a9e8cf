"""The double's record of what it accepted for sending, and the orders that concern it."""

import pytest

from tests.support.line_double import FRIEND, STRANGER, Line
from tools.line_double import sends
from tools.line_double.control_client import SendsReport
from tools.line_double.sends import text_digest

KEY = "123e4567-e89b-12d3-a456-426614174000"


def texts_of(line: Line) -> dict[str, list[str]]:
    return {one: [sent.text for sent in box] for one, box in line.double.channel("7").sends.mailboxes.items()}


def test_the_report_the_deliveries_and_their_compact_form() -> None:
    line = Line()
    line.send("multicast", [FRIEND, STRANGER], "a", KEY)
    line.send("push", FRIEND, "b")
    assert line.order("GET", "digests/7") == (
        200,
        {FRIEND: [text_digest("a"), text_digest("b")], STRANGER: [text_digest("a")]},
    )
    _, deliveries = line.order("GET", "deliveries/7")
    assert [delivery[:2] for delivery in deliveries[FRIEND]] == [["multicast", "a"], ["push", "b"]]
    assert [delivery[3:] for delivery in deliveries[FRIEND]] == [[KEY, True], [None, True]]
    assert deliveries[STRANGER][0][2] == deliveries[FRIEND][0][2]
    report = SendsReport.model_validate(line.double.report()["sends"]["7"])
    assert report.requests == {"multicast": 1, "push": 1}
    assert (report.recipients, report.deliveries, report.dropped, report.used) == (2, 3, 0, 2)


def test_a_cleared_record_keeps_keys_and_consumption_and_a_reset_does_not() -> None:
    line = Line()
    line.send("push", FRIEND, key=KEY)
    line.order("POST", "clear-record")
    assert (texts_of(line), line.double.channel("7").sends.used) == ({}, 1)
    assert line.send("push", FRIEND, key=KEY).head.status == 409
    line.order("POST", "reset")
    assert line.send("push", FRIEND, key=KEY).head.status == 200


def test_a_mailbox_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sends, "DELIVERIES_KEPT", 2)
    line = Line()
    for number in range(5):
        line.send("push", FRIEND, str(number))
    assert texts_of(line) == {FRIEND: ["0", "1"]}
    assert line.double.channel("7").sends.dropped == 3


@pytest.mark.parametrize(
    ("method", "name", "content", "status"),
    [
        ("PUT", "quota", {"tenant_id": "7", "limit": -1}, 400),
        ("PUT", "quota", {"tenant_id": "7", "limit": None}, 200),
        ("PUT", "send-rules", {"rules": {"odd": True}}, 400),
        ("PUT", "foreign", {"line_user_ids": []}, 400),
        ("GET", "digests", None, 404),
        ("PUT", "digests/7", None, 404),
        ("GET", "health/7", None, 404),
        ("GET", "deliveries/8", None, 200),
    ],
)
def test_orders_are_checked(method: str, name: str, content: object, status: int) -> None:
    assert Line().order(method, name, content)[0] == status
