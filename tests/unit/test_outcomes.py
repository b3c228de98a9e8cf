"""What an answer of LINE's means: decided by the status, but only where the body is LINE's own."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yomawari.domain.outcomes import (
    Answer,
    ChannelRefused,
    Friend,
    InvalidId,
    NotFriend,
    RateLimited,
    Unknown,
    is_line_user_id,
    profile_answer,
)

PROFILE = b'{"displayName":"LINE taro","userId":"U4af4980629000000000000000000000a","language":"ja"}'
ERROR = b'{"message":"Not found"}'
HTML = b"<HTML><HEAD>\n<TITLE>Bad Request</TITLE>\n</HEAD></HTML>"
JUDGEMENTS = (Friend, NotFriend, InvalidId, ChannelRefused)


@pytest.mark.parametrize(
    ("status", "body", "answer"),
    [
        (200, PROFILE, Friend()),
        (404, ERROR, NotFriend()),
        (400, ERROR, InvalidId()),
        (401, ERROR, ChannelRefused("unauthorized")),
        (403, ERROR, ChannelRefused("forbidden")),
        (429, ERROR, RateLimited()),
        (429, HTML, RateLimited()),
        (429, b"", RateLimited()),
        (500, ERROR, Unknown("HTTP 500")),
        (502, HTML, Unknown("HTTP 502")),
        (503, b"", Unknown("HTTP 503")),
        (410, ERROR, Unknown("HTTP 410")),
        (301, b"", Unknown("HTTP 301")),
        (204, b"", Unknown("HTTP 204")),
    ],
)
def test_a_status_with_lines_own_body(status: int, body: bytes, answer: Answer) -> None:
    assert profile_answer(status, body) == answer


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404])
@pytest.mark.parametrize(
    "body",
    [
        HTML,
        b"",
        b"null",
        b"[]",
        b'"message"',
        b"{}",
        b'{"message":null,"userId":7}',
        b'{"message":"cut o',
        b"\xff\xfe\x00",
        b"[" * 100_000,
    ],
)
def test_a_body_that_is_not_lines_judges_nobody(status: int, body: bytes) -> None:
    assert isinstance(profile_answer(status, body), Unknown)


@given(st.integers(100, 599), st.binary(max_size=200))
def test_no_bytes_judge_anybody(status: int, body: bytes) -> None:
    answer = profile_answer(status, body)
    assert isinstance(answer, RateLimited) if status == 429 else isinstance(answer, Unknown)


@given(st.integers(100, 599), st.dictionaries(st.text(max_size=8), st.none() | st.text(max_size=8) | st.integers()))
def test_only_the_known_statuses_judge(status: int, parts: dict[str, object]) -> None:
    answer = profile_answer(status, json.dumps(parts).encode())
    if isinstance(answer, JUDGEMENTS):
        assert status in {200, 400, 401, 403, 404}
        assert isinstance(parts["userId" if status == 200 else "message"], str)


@pytest.mark.parametrize("text", ["U" + "0" * 32, "U0123456789abcdef0123456789abcdef"])
def test_a_line_user_id(text: str) -> None:
    assert is_line_user_id(text)


@pytest.mark.parametrize(
    "text",
    ["", "U", "u" + "0" * 32, "U" + "0" * 31, "U" + "0" * 33, "U" + "A" * 32, "C" + "0" * 32, "U" + "0" * 32 + "\n"],
)
def test_no_line_user_id(text: str) -> None:
    assert not is_line_user_id(text)


@given(st.text(max_size=40))
def test_whatever_goes_into_the_url_is_safe_there(text: str) -> None:
    if is_line_user_id(text):
        assert text.isascii()
        assert text.isalnum()
