from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.line_double.truth import (
    channel_salt,
    expected_status,
    is_friend_by_rule,
    is_line_user_id,
    tenant_of_token,
    token_for,
)

LINE_USER_ID = "U" + "0123456789abcdef" * 2
line_user_ids = st.integers(0, 2**128 - 1).map(lambda number: f"U{number:032x}")
tenant_ids = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        (LINE_USER_ID, True),
        (LINE_USER_ID.upper(), False),
        ("C" + LINE_USER_ID[1:], False),
        (LINE_USER_ID[:-1], False),
        (LINE_USER_ID + "0", False),
        (LINE_USER_ID + "\n", False),
        (LINE_USER_ID[:-1] + "g", False),
        ("", False),
    ],
)
def test_a_line_user_id_is_u_and_32_lower_case_hex_digits(text: str, valid: bool) -> None:
    assert is_line_user_id(text) is valid
    assert (expected_status("7", text) == 400) is not valid


@given(st.integers(0, 99), tenant_ids, line_user_ids, st.floats(0, 1))
def test_the_rule_is_what_sql_would_say(seed: int, tenant_id: str, line_user_id: str, share: float) -> None:
    by_sql = crc32(f"{seed}:{tenant_id}:{line_user_id}".encode()) % 10000 < share * 10000
    assert is_friend_by_rule(line_user_id, channel_salt(tenant_id, seed), share) is by_sql
    assert expected_status(tenant_id, line_user_id, seed=seed, friend_share=share) == (200 if by_sql else 404)


@pytest.mark.parametrize("tenant_id", ["1", "42", "t200"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
def test_counted_ids_are_friends_in_the_share_that_was_asked_for(tenant_id: str, share: float) -> None:
    statuses = [expected_status(tenant_id, f"U{number:032x}", friend_share=share) for number in range(10_000)]
    assert statuses.count(200) / len(statuses) == pytest.approx(share, abs=0.02)


def test_tenants_and_seeds_have_friends_of_their_own() -> None:
    def friends(tenant_id: str, seed: int) -> list[int]:
        return [expected_status(tenant_id, f"U{number:032x}", seed=seed) for number in range(1_000)]

    assert friends("1", 1) == friends("1", 1)
    assert friends("1", 1) != friends("2", 1)
    assert friends("1", 1) != friends("1", 2)


@pytest.mark.parametrize(("override", "status"), [(True, 200), (False, 404)])
def test_an_override_wins_over_the_rule_but_not_over_the_form(override: bool, status: int) -> None:
    assert {expected_status("7", f"U{number:032x}", override=override) for number in range(50)} == {status}
    assert expected_status("7", "Uabc", override=override) == 400


@given(tenant_ids, st.text(min_size=1))
def test_a_token_names_its_tenant_whatever_follows(tenant_id: str, version: str) -> None:
    assert tenant_of_token(token_for(tenant_id, version)) == tenant_id


@pytest.mark.parametrize("token", ["", "double-", "double-7", "double-7-", "double--x", "other-7-x", "Double-7-x"])
def test_other_tokens_are_nobodys(token: str) -> None:
    assert tenant_of_token(token) is None


@pytest.mark.parametrize("tenant_id", ["", "a-b"])
def test_a_tenant_id_that_a_token_cannot_hold_is_refused(tenant_id: str) -> None:
    with pytest.raises(ValueError, match="holds no dash"):
        token_for(tenant_id)
