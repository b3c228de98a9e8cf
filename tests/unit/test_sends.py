"""What answers mean, how retry keys are made and how recipients are split."""

import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yomawari.domain.outcomes import ChannelRefused, RateLimited, Unknown
from yomawari.domain.sends import (
    Accepted,
    AlreadyAccepted,
    BadMessage,
    BadRecipients,
    BadRequest,
    QuotaReached,
    SendAnswer,
    bisect,
    is_wave,
    retry_key,
    send_answer,
    split_recipients,
)


def error(message: str, *properties: str) -> bytes:
    details = [{"message": "wrong", "property": name} for name in properties]
    return json.dumps({"message": message, **({"details": details} if details else {})}).encode()


HTML = b"<HTML><HEAD>\n<TITLE>Bad Request</TITLE></HEAD></HTML>"


@pytest.mark.parametrize(
    ("status", "body", "answer"),
    [
        (200, b"{}", Accepted()),
        (200, b'{"sentMessages":[{"id":"461230966842064897"}]}', Accepted()),
        (200, HTML, Unknown("200 that is not LINE's")),
        (200, b"[]", Unknown("200 that is not LINE's")),
        (409, error("The retry key is already accepted"), AlreadyAccepted()),
        (409, HTML, Unknown("409 that is not LINE's")),
        (400, error("The property, to[3], in the request body is invalid (line: -, column: -)"), BadRecipients((3,))),
        (400, error("The request body has 2 error(s)", "to[12]", "to[4]", "to[4]"), BadRecipients((4, 12))),
        (400, error("Failed to send messages"), BadRequest("400")),
        (400, error("The property, 'to', in the request body is invalid"), BadRequest("400")),
        (400, error("The request body has 1 error(s)", "to"), BadRequest("400 to")),
        (400, error("The request body has 1 error(s)", "messages[0].text"), BadMessage("400 messages[0].text")),
        (400, error("The request body has 1 error(s)", "messages"), BadMessage("400 messages")),
        (400, error("The property, messages[0].text, in the request body is invalid"), BadMessage("400")),
        (400, b'{"message":"Bad","details":7}', BadRequest("400")),
        (400, b'{"message":"Bad","details":[7,{"property":null}]}', BadRequest("400")),
        (400, b'{"message":7}', Unknown("400 that is not LINE's")),
        (400, HTML, Unknown("400 that is not LINE's")),
        (413, HTML, BadMessage("413 too large")),
        (401, error("Authentication failed."), ChannelRefused("unauthorized")),
        (403, error("Access to this API is not available for your account"), ChannelRefused("forbidden")),
        (403, HTML, Unknown("403 that is not LINE's")),
        (404, error("Not found"), Unknown("HTTP 404")),
        (429, error("The API rate limit has been exceeded. Try again later."), RateLimited()),
        (429, error("You have reached your monthly limit."), QuotaReached()),
        (429, HTML, RateLimited()),
        (500, error("Internal Server Error"), Unknown("HTTP 500")),
        (503, b"", Unknown("HTTP 503")),
    ],
)
def test_answers(status: int, body: bytes, answer: SendAnswer) -> None:
    assert send_answer(status, body) == answer


@given(st.integers(100, 599), st.binary(max_size=200))
def test_a_body_that_is_no_json_never_counts_as_told_or_as_bad(status: int, body: bytes) -> None:
    allowed = (Unknown, RateLimited, BadMessage) if status in {413, 429} else (Unknown,)
    try:
        is_object = isinstance(json.loads(body), dict)
    except ValueError:
        is_object = False
    assert is_object or isinstance(send_answer(status, body), allowed)


def test_a_key_is_the_same_for_ever() -> None:
    """The keys of yesterday's workers must be those of tomorrow's; this one was made on the day they were defined."""
    assert retry_key("job_change", 12, "multicast", 7, ["U1", "U2"]) == UUID("95cbde5d-f4a4-5190-98de-fdb8bb400a0e")


PARTS = st.lists(st.one_of(st.text(max_size=5), st.integers(0, 99), st.lists(st.text(max_size=3), max_size=3)))


@given(PARTS, PARTS)
def test_different_parts_make_different_keys(
    one: list[str | int | list[str]], other: list[str | int | list[str]]
) -> None:
    assert (retry_key(*one) == retry_key(*other)) == (one == other)


@given(st.lists(st.integers(), max_size=60), st.integers(1, 20))
def test_splitting_keeps_everyone_once_and_in_order(ids: list[int], most: int) -> None:
    runs = list(split_recipients(ids, most))
    assert [one for run in runs for one in run] == ids
    assert all(1 <= len(run) <= most for run in runs)
    assert len(runs) == -(-len(ids) // most)


@given(st.lists(st.integers(), min_size=2, max_size=60))
def test_halves_are_smaller_than_the_whole_and_keep_everyone(ids: list[int]) -> None:
    left, right = bisect(ids)
    assert [*left, *right] == ids
    assert 0 <= len(left) - len(right) <= 1


@pytest.mark.parametrize(
    ("rejected", "accepted", "wave"),
    [(0, 0, False), (4, 0, False), (5, 0, True), (5, 44, True), (5, 45, False), (50, 450, False), (51, 449, True)],
)
def test_a_wave_of_rejections_is_neither_few_nor_a_small_share(rejected: int, accepted: int, *, wave: bool) -> None:
    assert is_wave(rejected, accepted) == wave
