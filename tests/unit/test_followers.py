"""What LINE's list says, and the set that it becomes."""

import json
import tracemalloc
from hashlib import md5
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yomawari.domain.followers import FollowerPage, FollowerSet, InvalidStart, PageAnswer, page_answer
from yomawari.domain.outcomes import ChannelRefused, RateLimited, Unknown

FIRST, SECOND = f"U{1:032x}", f"U{2:032x}"
_FIXED_BYTES = 3_000_000
"""Counts and places of 65,536 beginnings, whatever the size of the list."""

HTML = b"<HTML><HEAD>\n<TITLE>Bad Request</TITLE>"


def line_json(content: Any) -> bytes:
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    ("status", "body", "answer"),
    [
        (200, line_json({"userIds": [FIRST, SECOND], "next": "n"}), FollowerPage([FIRST, SECOND], "n")),
        (200, line_json({"userIds": [FIRST]}), FollowerPage([FIRST], None)),
        (200, line_json({"userIds": [], "next": "n"}), FollowerPage([], "n")),
        (200, line_json({"userIds": [], "next": None}), FollowerPage([], None)),
        (200, line_json({"userIds": [], "next": ""}), FollowerPage([], None)),
        (200, line_json({"userIds": [], "next": 7}), Unknown("200 without followers")),
        (200, line_json({"userIds": [7]}), Unknown("200 without followers")),
        (200, line_json({"userIds": None}), Unknown("200 without followers")),
        (200, line_json({}), Unknown("200 without followers")),
        (200, line_json([]), Unknown("200 without followers")),
        (200, b"[" * 100_000, Unknown("200 without followers")),
        (200, HTML, Unknown("200 without followers")),
        (400, line_json({"message": "Invalid start param"}), InvalidStart()),
        (400, HTML, Unknown("400 that is not LINE's")),
        (401, line_json({"message": "Authentication failed"}), ChannelRefused("unauthorized")),
        (401, HTML, Unknown("401 that is not LINE's")),
        (403, line_json({"message": "Access to this API is not available"}), ChannelRefused("forbidden")),
        (403, HTML, Unknown("403 that is not LINE's")),
        (404, line_json({"message": "Not found"}), Unknown("HTTP 404")),
        (429, line_json({"message": "The API rate limit has been exceeded."}), RateLimited()),
        (429, HTML, RateLimited()),
        (500, line_json({"message": "Internal Server Error"}), Unknown("HTTP 500")),
        (503, b"", Unknown("503 that is not LINE's")),
    ],
)
def test_what_an_answer_means(status: int, body: bytes, answer: PageAnswer) -> None:
    assert page_answer(status, body, has_start=True) == answer


def test_without_a_start_there_is_none_to_be_invalid() -> None:
    body = line_json({"message": "Invalid start param"})
    assert page_answer(400, body, has_start=False) == Unknown("HTTP 400")


ids = st.integers(0, 2**128 - 1).map(lambda number: f"U{number:032x}")
# Few digits, so that ids share buckets, repeat, and are found across two others.
close_ids = st.lists(st.sampled_from("0a"), min_size=32, max_size=32).map(lambda digits: "U" + "".join(digits))


@settings(deadline=None)
@given(st.lists(ids | close_ids), st.lists(ids | close_ids))
def test_the_set_holds_those_that_were_listed_and_nobody_else(listed: list[str], others: list[str]) -> None:
    followers = FollowerSet()
    followers.add(listed)
    assert len(followers) == len(listed)
    for one in [*listed, *others]:
        assert (one in followers) == (one in set(listed))


@given(st.lists(ids | close_ids))
def test_a_set_is_packed_and_unpacked_as_it_was(listed: list[str]) -> None:
    followers = FollowerSet()
    followers.add(listed)
    again = FollowerSet(followers.packed())
    assert len(followers.packed()) == 16 * len(listed)
    assert len(again) == len(listed)
    assert all(one in again for one in listed)


def test_an_id_across_two_others_is_not_found() -> None:
    followers = FollowerSet()
    followers.add(["U" + "00" * 8 + "ab" * 8, "U" + "00" * 8 + "cd" * 8])
    assert "U" + "00" * 4 + "ab" * 8 + "00" * 4 not in followers
    assert "U" + "ab" * 8 + "00" * 8 not in followers


@pytest.mark.parametrize("listed", ["", "U", "x" * 33, "U" + "G" * 32, "U" + "0" * 31, "U" + "0" * 33])
def test_what_is_no_id_is_nobody(listed: str) -> None:
    followers = FollowerSet()
    followers.add([listed, FIRST])
    assert len(followers) == 1


def test_a_follower_takes_less_than_40_bytes_while_somebody_is_looked_for() -> None:
    listed = [f"U{md5(str(number).encode(), usedforsecurity=False).hexdigest()}" for number in range(200_000)]
    tracemalloc.start()
    followers = FollowerSet()
    for first in range(0, len(listed), 1_000):
        followers.add(listed[first : first + 1_000])
    assert listed[-1] in followers
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (most - _FIXED_BYTES) / len(followers) < 40


def test_a_set_may_grow_after_somebody_was_looked_for() -> None:
    followers = FollowerSet()
    assert FIRST not in followers
    followers.add([FIRST])
    assert FIRST in followers
    followers.add([SECOND])
    assert FIRST in followers
    assert SECOND in followers
