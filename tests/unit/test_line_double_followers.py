"""The double's follower list, with its clock standing still."""

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.line_double import Line, S
from tools.line_double.followers import FollowerRules
from tools.line_double.truth import expected_status, token_for

DAY_US = 24 * 3600 * S
INVALID_START = (400, {"message": "Invalid start param"})


def people(count: int) -> list[str]:
    return [f"U{number:032x}" for number in range(count)]


def friends(of: Iterable[str], tenant_id: str = "7") -> list[str]:
    return [one for one in of if expected_status(tenant_id, one) == 200]


def listing(known: Iterable[str] = (), tenant_id: str = "7", **options: Any) -> Line:
    """A double on which tenant 7 is verified, and its list knows these people."""
    line = Line(verified="7", **options)
    line.double.channel(tenant_id).followers.known += b"".join(bytes.fromhex(one[1:]) for one in known)
    return line


def ask(line: Line, tenant_id: str = "7", **query: object) -> tuple[int, Any]:
    path = "/v2/bot/followers/ids" + (f"?{urlencode(query)}" if query else "")
    answer = line.ask(path=path, token=token_for(tenant_id))
    return answer.head.status, json.loads(answer.body)


def walk(line: Line, limit: int = 1_000) -> list[list[str]]:
    """Every page, in turn."""
    pages = []
    status, body = ask(line, limit=limit)
    while True:
        assert status == 200
        pages.append(body["userIds"])
        if "next" not in body:
            return pages
        status, body = ask(line, limit=limit, start=body["next"])


def test_an_account_that_is_not_verified_is_403() -> None:
    line = listing(people(3))
    message = {"message": "Access to this API is not available for your account"}
    assert ask(line, tenant_id="8") == (403, message)
    assert ask(line)[0] == 200
    assert line.double.report()["channels"]["8"]["followers"]["statuses"] == {"403": 1}


def test_a_channel_nobody_is_known_of_has_no_followers() -> None:
    assert ask(listing()) == (200, {"userIds": []})


def test_the_list_is_the_friends_of_those_it_was_told_of() -> None:
    known = people(2_500)
    line = listing(known)
    line.double.channel("7").friends |= {known[0]: False, known[4]: True}
    expected = {*friends(known), known[4]} - {known[0]}
    pages = walk(line)
    assert [len(page) for page in pages[:-1]] == [1_000] * (len(pages) - 1)
    assert {one for page in pages for one in page} == expected
    assert sum(map(len, pages)) == len(expected)


def test_a_page_holds_300_or_as_many_as_asked_for() -> None:
    line = listing(people(2_500))
    assert len(ask(line)[1]["userIds"]) == 300
    assert [len(ask(line, limit=limit)[1]["userIds"]) for limit in (1, 1_000)] == [1, 1_000]


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "ten", "²"])
def test_a_limit_that_cannot_be(limit: str) -> None:
    assert ask(listing(people(3)), limit=limit)[0] == 400


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 120), st.integers(1, 40), st.floats(0.1, 1), st.integers(0, 4), st.integers(0, 5))
def test_short_empty_and_overlapping_pages_name_everybody(
    known: int, limit: int, fill: float, empty_every: int, strangers: int
) -> None:
    line = listing(people(known))
    rules = FollowerRules(fill=fill, empty_every=empty_every if empty_every > 1 else 0, repeated=3)
    line.double.channel("7").followers.replace(rules)
    line.double.channel("7").followers.strangers = strangers
    named = {one for page in walk(line, limit) for one in page}
    assert named >= set(friends(people(known)))
    assert len(named) == len(friends(people(known))) + strangers


def test_a_short_page_and_an_empty_one_have_a_next() -> None:
    line = listing(people(100))
    line.double.channel("7").followers.replace(FollowerRules(fill=0.5, empty_every=2))
    status, first = ask(line, limit=20)
    assert (status, len(first["userIds"])) == (200, 10)
    assert ask(line, limit=20, start=first["next"]) == (200, {"userIds": [], "next": first["next"]})


def test_a_duplicate_stands_on_two_pages() -> None:
    line = listing(people(100))
    line.double.channel("7").followers.replace(FollowerRules(repeated=10))
    pages = walk(line, 20)
    assert set(pages[0]) & set(pages[1])


@pytest.mark.parametrize("start", ["", "nonsense", "AAAA", "é"])
def test_a_start_that_was_never_given_is_invalid(start: str) -> None:
    assert ask(listing(people(50)), start=start or "x", limit=5) == INVALID_START


def test_a_start_of_another_channel_is_invalid() -> None:
    line = listing(people(50))
    other = line.double.channel("8").followers
    other.is_verified = True
    other.known += bytes.fromhex("".join(one[1:] for one in people(50)))
    begun = ask(line, tenant_id="8", limit=5)[1]["next"]
    assert ask(line, start=begun) == INVALID_START


def test_a_next_lives_for_a_day() -> None:
    line = listing(people(50))
    begun = ask(line, limit=5)[1]["next"]
    line.now_us += DAY_US - 1
    assert ask(line, start=begun)[0] == 200
    line.now_us += 1
    assert ask(line, start=begun) == INVALID_START


def test_a_next_ages_by_the_clock_offset_alone() -> None:
    line = listing(people(50))
    begun = ask(line, limit=5)[1]["next"]
    line.double.set_follower_rules(FollowerRules(clock_offset_s=24 * 3600), "7")
    assert ask(line, start=begun) == INVALID_START


def test_an_account_may_lose_its_right_in_mid_list() -> None:
    line = listing(people(50))
    line.double.set_follower_rules(FollowerRules(pages_until_forbidden=1), None)
    begun = ask(line, limit=5)[1]["next"]
    assert ask(line, limit=5, start=begun)[0] == 403
    line.double.set_follower_rules(FollowerRules(), None)
    assert ask(line, limit=5, start=begun)[0] == 200


def test_a_list_that_is_suddenly_empty_is_200() -> None:
    line = listing(people(50))
    line.double.set_follower_rules(FollowerRules(hides_everyone=True), "7")
    assert ask(line) == (200, {"userIds": []})


def test_someone_added_behind_the_page_is_missed_until_the_next_walk() -> None:
    known = people(40)
    line = listing(known)
    added = next(one for one in known if one not in friends(known))
    body = ask(line, limit=20)[1]
    line.double.channel("7").friends[added] = True
    assert added not in ask(line, limit=1_000, start=body["next"])[1]["userIds"]
    assert added in walk(line)[0]


def test_the_list_has_a_limit_of_its_own() -> None:
    line = listing(people(3), bucket=2)
    assert [ask(line)[0] for _ in range(3)] == [200, 200, 429]
    assert line.status() == 200


class TestOrders:
    def test_verified_strangers_and_rules(self) -> None:
        line = Line()
        assert line.order("PUT", "followers", {"tenant_id": "7", "verified": True, "strangers": 2}) == (200, None)
        assert line.order("PUT", "follower-rules", {"rules": {"fill": 0.5}, "tenant_id": "7"}) == (200, None)
        status, body = ask(line, limit=2)
        assert (status, len(body["userIds"])) == (200, 1)

    def test_ids_are_added_packed(self) -> None:
        line = listing()
        known = people(20)
        for part in (known[:5], known[5:]):
            packed = b"".join(bytes.fromhex(one[1:]) for one in part)
            assert line.control("POST", "follower-ids/7", packed)[0] == 200
        assert walk(line) == [friends(known)]

    def test_half_an_id_is_refused(self) -> None:
        assert Line().control("POST", "follower-ids/7", b"half")[0] == 400

    def test_a_reset_forgets_them(self) -> None:
        line = listing(people(3))
        line.double.set_follower_rules(FollowerRules(hides_everyone=True), None)
        line.double.reset()
        assert ask(line) == (200, {"userIds": []})
        assert line.double.channel("7").followers.rules == FollowerRules()
