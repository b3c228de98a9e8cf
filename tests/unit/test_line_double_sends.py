"""Push, multicast, validate and quota of the double, with its clock standing still."""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.line_double import FRIEND, START_US, STRANGER, Line, S
from tools.line_double.answers import Answer, Deed
from tools.line_double.faults import Fault, Faults

KEY = "123e4567-e89b-12d3-a456-426614174000"
OTHER_KEY = "123e4567-e89b-12d3-a456-426614174001"
FOREIGN = "U" + "f" * 32
DAY_US = 24 * 3600 * S


def people(count: int) -> list[str]:
    return [f"U{number:032x}" for number in range(1, count + 1)]


def said(answer: Answer) -> tuple[int, Any]:
    return answer.head.status, json.loads(answer.body)


def texts_of(line: Line, tenant_id: str = "7") -> dict[str, list[str]]:
    mailboxes = line.double.channel(tenant_id).sends.mailboxes
    return {one: [delivery.text for delivery in mailbox] for one, mailbox in mailboxes.items()}


def test_a_push_is_accepted_with_the_ids_of_its_messages() -> None:
    line = Line()
    messages = [{"type": "text", "text": "おはよう"}, {"type": "sticker", "packageId": "1", "stickerId": "2"}]
    status, body = said(line.send("push", FRIEND, messages))
    assert status == 200
    assert len({message["id"] for message in body["sentMessages"]}) == 2
    assert texts_of(line) == {FRIEND: ["おはよう", "[sticker]"]}


def test_a_multicast_is_accepted_for_all_of_its_recipients() -> None:
    line = Line()
    assert said(line.send("multicast", people(500), notificationDisabled=True)) == (200, {})
    assert texts_of(line) == {one: ["hello"] for one in people(500)}


@pytest.mark.parametrize("kind", ["push", "multicast"])
def test_a_person_who_blocked_the_account_is_accepted_but_not_reached_or_counted(kind: str) -> None:
    line = Line()
    assert line.send(kind, STRANGER if kind == "push" else [FRIEND, STRANGER]).head.status == 200
    (delivery,) = line.double.channel("7").sends.mailboxes[STRANGER]
    assert (delivery.endpoint, delivery.is_delivered) == (kind, False)
    assert line.double.channel("7").sends.used == (0 if kind == "push" else 1)


TEXT_TOO_LONG = [{"type": "text", "text": "🍎" * 2_501}]


@pytest.mark.parametrize("kind", ["push", "multicast", "validate/push", "validate/multicast"])
@pytest.mark.parametrize(
    ("messages", "more", "named"),
    [
        ([], {}, "messages"),
        ([{"type": "text", "text": "x"}] * 6, {}, "messages"),
        ([{"type": "text", "text": "x"}, {"type": "text", "text": ""}], {}, "messages[1].text"),
        ([{"type": "text"}], {}, "messages[0].text"),
        (TEXT_TOO_LONG, {}, "messages[0].text"),
        ([{"type": "letter"}], {}, "messages[0].type"),
        (["x"], {}, "messages[0].type"),
        ([{"type": "text", "text": "x"}], {"notificationDisabled": "no"}, "notificationDisabled"),
        ([{"type": "text", "text": "x"}], {"customAggregationUnits": ["a", "b"]}, "customAggregationUnits"),
    ],
)
def test_bad_messages_are_refused_by_name(kind: str, messages: list[object], more: Any, named: str) -> None:
    line = Line()
    status, body = said(line.send(kind, FRIEND if "push" in kind else [FRIEND], messages, **more))
    assert (status, body["message"]) == (400, "The request body has 1 error(s)")
    assert [detail["property"] for detail in body["details"]] == [named]
    assert not texts_of(line)


@pytest.mark.parametrize("kind", ["push", "multicast", "validate/push", "validate/multicast"])
def test_messages_at_their_limits_are_taken(kind: str) -> None:
    at_limit = [{"type": "text", "text": "🍎" * 2_500}] * 5
    assert Line().send(kind, FRIEND if "push" in kind else [FRIEND], at_limit).head.status == 200


def test_validating_sends_nothing_and_takes_no_retry_key() -> None:
    line = Line()
    assert said(line.send("validate/push", FRIEND)) == (200, {})
    assert line.send("validate/push", FRIEND, key=KEY).head.status == 400
    assert not texts_of(line)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json; charset=utf-8", 400),
        (b"\xff", "application/json", 400),
        (b"{}", "application/x-www-form-urlencoded", 415),
        (b" " * (2 * 1024 * 1024 + 1), "application/json", 413),
    ],
)
def test_bodies_that_are_no_json_or_too_large(body: bytes, content_type: str, status: int) -> None:
    answer = Line().call("POST", "/v2/bot/message/push", body, content_type=content_type)
    assert answer.head.status == status


@pytest.mark.parametrize("to", [[], people(501), None, FRIEND])
def test_a_multicast_has_between_1_and_500_recipients(to: object) -> None:
    status, body = said(Line().send("multicast", to))
    assert (status, body["details"][0]["property"]) == (400, "to")


@pytest.mark.parametrize("bad", ["U123", "C" + "0" * 32, FRIEND + "0", 7, None, {}, FOREIGN])
def test_one_bad_recipient_refuses_the_whole_multicast_by_its_index_or_namelessly(bad: object) -> None:
    line = Line()
    line.order("PUT", "foreign", {"tenant_id": "7", "line_user_ids": [FOREIGN]})
    to = [*people(3), bad, *people(2)]
    assert said(line.send("multicast", to, key=KEY)) == (
        400,
        {"message": "The property, to[3], in the request body is invalid (line: -, column: -)"},
    )
    line.order("PUT", "send-rules", {"rules": {"names_recipients": False}})
    assert said(line.send("multicast", to, key=KEY)) == (400, {"message": "Failed to send messages"})
    assert not texts_of(line)
    assert line.send("multicast", people(3), key=KEY).head.status == 200  # a 400 burns no key


@pytest.mark.parametrize("to", ["U123", [FRIEND], None])
def test_a_push_to_what_is_no_user_id(to: object) -> None:
    assert "'to'" in said(Line().send("push", to))[1]["message"]


def test_a_foreign_id_is_refused_or_silently_not_reached() -> None:
    line = Line()
    line.order("PUT", "foreign", {"tenant_id": "7", "line_user_ids": [FOREIGN]})
    line.double.channel("7").friends[FOREIGN] = True
    assert said(line.send("push", FOREIGN)) == (400, {"message": "Failed to send messages"})
    line.order("PUT", "send-rules", {"rules": {"refuses_foreign": False}})
    assert line.send("push", FOREIGN).head.status == 200
    assert line.send("multicast", [FRIEND, FOREIGN]).head.status == 200
    assert line.double.channel("7").sends.used == 1


@pytest.mark.parametrize("key", ["", "x", KEY.replace("-", ""), "{" + KEY + "}", KEY[:-1]])
def test_a_retry_key_is_a_uuid(key: str) -> None:
    line = Line()
    assert line.send("push", FRIEND, key=key).head.status == 400
    assert not texts_of(line)


@pytest.mark.parametrize("kind", ["push", "multicast"])
def test_an_accepted_key_is_409_for_a_day_whatever_the_body_says(kind: str) -> None:
    line = Line()
    to = FRIEND if kind == "push" else [FRIEND]
    first = line.send(kind, to, key=KEY)
    again = line.send(kind, to, "other", key=KEY.upper())
    status, body = said(again)
    assert (status, body.pop("message")) == (409, "The retry key is already accepted")
    assert body == said(first)[1]
    assert b"x-line-accepted-request-id: " + (first.request_id or b"?") in again.head.keep_1
    assert line.send(kind, to, key=OTHER_KEY).head.status == 200
    line.now_us += DAY_US - 1
    assert line.send(kind, to, key=KEY).head.status == 409
    line.now_us += 1
    assert line.send(kind, to, key=KEY).head.status == 200
    assert texts_of(line) == {FRIEND: ["hello"] * 3}


def test_the_age_of_keys_is_pushed_on_without_waiting() -> None:
    line = Line()
    line.send("push", FRIEND, key=KEY)
    line.order("PUT", "send-rules", {"rules": {"clock_offset_s": 24 * 3600}})
    assert line.send("push", FRIEND, key=KEY).head.status == 200
    assert line.send("push", FRIEND, key=KEY).head.status == 409
    assert line.now_us == START_US


def test_keys_belong_to_their_channel() -> None:
    line = Line()
    for tenant_id in ("7", "8"):
        answer = line.call(
            "POST",
            "/v2/bot/message/push",
            json.dumps({"to": FRIEND, "messages": [{"type": "text", "text": "x"}]}).encode(),
            f"double-{tenant_id}-x",
            content_type="application/json",
            x_line_retry_key=KEY,
        )
        assert answer.head.status == 200


def test_the_quota_is_used_by_those_reached_and_refuses_the_whole_request() -> None:
    line = Line()
    friends = [one for one in people(20) if line.double.channel("7").profile_status(one) == 200]
    assert said(line.ask(path="/v2/bot/message/quota")) == (200, {"type": "none"})
    line.order("PUT", "quota", {"tenant_id": "7", "limit": 10, "used": 7})
    assert said(line.ask(path="/v2/bot/message/quota")) == (200, {"type": "limited", "value": 10})
    assert said(line.send("multicast", friends[:4], key=KEY)) == (
        429,
        {"message": "You have reached your monthly limit."},
    )
    assert line.send("multicast", [*friends[:3], STRANGER], key=KEY).head.status == 200  # a 429 burns no key
    assert said(line.ask(path="/v2/bot/message/quota/consumption")) == (200, {"totalUsage": 10})
    assert line.send("push", STRANGER).head.status == 429
    assert line.send("push", FRIEND, key=KEY).head.status == 409


def test_multicast_has_a_bucket_of_a_tenth_of_push() -> None:
    line = Line(limit_per_s=2_000, bucket=40)
    assert [line.send("multicast", [FRIEND]).head.status for _ in range(5)] == [200] * 4 + [429]
    assert [line.send("push", FRIEND).head.status for _ in range(41)] == [200] * 40 + [429]
    line.now_us += 5_000
    assert [line.send("multicast", [FRIEND]).head.status for _ in range(2)] == [200, 429]
    assert said(line.send("multicast", [FRIEND]))[1]["message"].startswith("The API rate limit")


@pytest.mark.parametrize("fault", [one for one in Fault if one is not Fault.LOST_ANSWER])
def test_a_fault_before_acceptance_sends_nothing(fault: Fault) -> None:
    line = Line()
    line.double.set_faults(Faults.model_validate({f"{fault.value}_share": 1}), "7")
    line.send("push", FRIEND, key=KEY)
    assert not texts_of(line)
    line.double.set_faults(Faults(), "7")
    assert line.send("push", FRIEND, key=KEY).head.status == 200


def test_a_lost_answer_was_accepted() -> None:
    line = Line()
    line.double.set_faults(Faults(lost_answer_share=1), "7")
    lost = line.send("multicast", [FRIEND], key=KEY)
    assert (lost.deed, lost.outcome) == (Deed.CUT, "lost_answer")
    line.double.set_faults(Faults(), "7")
    assert line.send("multicast", [FRIEND], key=KEY).head.status == 409
    assert texts_of(line) == {FRIEND: ["hello"]}


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4)), max_size=30))
def test_each_key_is_accepted_once_however_often_it_is_used(calls: list[tuple[int, int]]) -> None:
    line = Line()
    for key, recipients in calls:
        line.send("multicast", people(recipients), f"text {key}", KEY[:-1] + str(key))
    counts = Counter(text for texts in texts_of(line).values() for text in set(texts))
    first = dict(reversed(calls))
    assert counts == {f"text {key}": recipients for key, recipients in first.items()}
    assert all(len(texts) == len(set(texts)) for texts in texts_of(line).values())
