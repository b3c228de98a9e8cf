import json

import pytest

from tests.support.line_double import FRIEND, STRANGER, TOKEN, Line, S
from tools.line_double.answers import Deed
from tools.line_double.faults import Fault, Faults, OutageMode
from tools.line_double.options import Options


@pytest.mark.parametrize(
    ("line_user_id", "status", "message"),
    [
        (STRANGER, 404, "Not found"),
        ("Uabc", 400, "The value for the 'userId' parameter is invalid"),
        (FRIEND.upper().replace("U", "V"), 400, "The value for the 'userId' parameter is invalid"),
    ],
)
def test_a_profile_that_cannot_be_read(line_user_id: str, status: int, message: str) -> None:
    answer = Line().ask(line_user_id)
    assert (answer.head.status, json.loads(answer.body)) == (status, {"message": message})


def test_a_friends_profile() -> None:
    answer = Line().ask(FRIEND)
    profile = json.loads(answer.body)
    assert (answer.head.status, profile["userId"], profile["language"]) == (200, FRIEND, "ja")
    assert profile["displayName"]


@pytest.mark.parametrize("token", ["", "double-7-", "someone-elses"])
def test_a_token_of_nobody_is_401_and_recorded_apart(token: str) -> None:
    line = Line()
    assert line.status(token=token) == 401
    assert list(line.double.report()["channels"]) == ["unknown"]


def test_a_revoked_token_is_401_and_others_of_the_channel_live_on() -> None:
    line = Line()
    assert line.status() == 200
    line.double.set_token(TOKEN, revoked=True)
    assert (line.status(), line.status(token="double-7-new")) == (401, 200)
    line.double.set_token(TOKEN, revoked=False)
    assert line.status() == 200


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/v2/bot/profile", "GET"),
        ("/v2/bot/profile/a/b", "GET"),
        ("/v2/bot/nothing", "GET"),
        (f"/v2/bot/profile/{FRIEND}", "POST"),
    ],
)
def test_an_unknown_path_or_method_is_404(path: str, method: str) -> None:
    line = Line()
    assert line.status(path=path, method=method) == 404
    assert line.double.report()["channels"]["7"]["unknown"]["statuses"] == {"404": 1}


def test_a_retry_key_on_a_get_is_400() -> None:
    assert Line().status(x_line_retry_key="123e4567-e89b-12d3-a456-426614174000") == 400


def test_the_bucket_is_per_channel_and_refills() -> None:
    line = Line(limit_per_s=2000, bucket=5)
    assert [line.status() for _ in range(7)] == [200] * 5 + [429] * 2
    assert line.status(token="double-8-x") != 429
    line.now_us += 1_000
    assert [line.status() for _ in range(3)] == [200, 200, 429]
    assert json.loads(line.ask().body) == {"message": "The API rate limit has been exceeded. Try again later."}


@pytest.mark.parametrize(
    ("tenant_id", "endpoint", "limited"),
    [(None, None, {"7", "8"}), ("7", None, {"7"}), (None, "profile", {"7", "8"}), ("8", "profile", {"8"})],
)
def test_limits_hold_where_they_were_set(tenant_id: str | None, endpoint: str | None, limited: set[str]) -> None:
    line = Line()
    line.status()
    line.double.set_limits(1, 2, tenant_id, endpoint)
    refused = {tenant for tenant in ("7", "8") if 429 in [line.status(token=f"double-{tenant}-x") for _ in range(3)]}
    assert refused == limited


@pytest.mark.parametrize(
    ("fault", "status", "deed"),
    [
        (Fault.SERVER_ERROR, 500, Deed.SEND),
        (Fault.HTML_400, 400, Deed.SEND),
        (Fault.HTML_200, 200, Deed.SEND),
        (Fault.CUT, None, Deed.CUT),
        (Fault.CUT_CONNECTION, None, Deed.CUT_CONNECTION),
        (Fault.NEVER_ANSWER, None, Deed.NEVER),
        (Fault.LOST_ANSWER, None, Deed.CUT),
    ],
)
def test_a_fault_strikes_its_channel_only(fault: Fault, status: int | None, deed: Deed) -> None:
    line = Line()
    line.double.set_faults(Faults.model_validate({f"{fault.value}_share": 1}), "7")
    answer = line.ask()
    assert answer.deed is deed
    assert line.double.report()["channels"]["7"]["profile"]["statuses"] == {answer.outcome: 1}
    assert status is None or (answer.head.status == status and answer.outcome == str(status))
    assert line.ask(token="double-8-x").deed is Deed.SEND


@pytest.mark.parametrize(("faults", "status"), [(Faults(unauthorized=True), 401), (Faults(forbidden=True), 403)])
def test_standing_states_hold_until_replaced_for_known_and_unknown_channels(faults: Faults, status: int) -> None:
    line = Line()
    line.status()
    line.double.set_faults(faults, None)
    assert (line.status(), line.status(token="double-9-x")) == (status, status)
    line.double.set_faults(Faults(), None)
    assert line.status() == 200


def test_a_storm_is_429_until_its_time_and_an_outage_503_or_silence() -> None:
    line = Line()
    line.double.set_storm(2, "7")
    assert (line.status(), line.status(token="double-8-x") == 429) == (429, False)
    line.now_us += 2 * S
    assert line.status() == 200
    line.double.set_outage(60, OutageMode.UNAVAILABLE, None)
    assert (line.status(), line.status(token="double-9-x"), line.status(token="nobody")) == (503, 503, 503)
    line.double.set_outage(60, OutageMode.SILENT, None)
    assert line.ask().deed is Deed.NEVER
    line.now_us += 60 * S
    assert line.status() == 200


def test_a_channel_met_during_an_outage_shares_it() -> None:
    line = Line()
    line.double.set_outage(60, OutageMode.SILENT, None)
    assert line.ask(token="double-123-x").deed is Deed.NEVER


def test_the_start_options_are_faults_of_all_and_come_back_with_a_reset() -> None:
    line = Line(error_share=1.0)
    assert line.status() == 500
    line.double.set_faults(Faults(), None)
    assert line.status() == 200
    line.double.reset()
    assert line.status() == 500
    assert line.double.report()["totals"]["calls"] == 1


def test_the_report_counts_by_channel_and_in_total() -> None:
    line = Line()
    for tenant in ("7", "8", "7"):
        line.status(token=f"double-{tenant}-x")
        line.now_us += S // 2
    report = line.double.report()
    assert report["channels"]["7"]["profile"]["calls"] == 2
    assert report["channels"]["7"]["profile"]["peak_per_s"] == 1
    assert (report["totals"]["calls"], report["totals"]["peak_per_s"]) == (3, 2)
    assert report["totals"]["calls_per_s"] == pytest.approx(3)
    line.double.clear_record()
    cleared = line.double.report()
    assert (cleared["totals"]["calls"], cleared["totals"]["calls_per_s"]) == (0, 0.0)
    assert cleared["channels"]["7"]["profile"]["calls"] == 0


def test_friends_are_overridden_and_given_back_to_the_rule() -> None:
    line = Line()
    friends: dict[str, bool | None] = {FRIEND: False, STRANGER: True}
    assert line.order("PUT", "friends", {"tenant_id": "7", "friends": friends}) == (200, None)
    assert (line.status(FRIEND), line.status(STRANGER)) == (404, 200)
    assert line.status(FRIEND, token="double-8-x") == Line().status(FRIEND, token="double-8-x")
    line.order("PUT", "friends", {"tenant_id": "7", "friends": dict.fromkeys(friends)})
    assert (line.status(FRIEND), line.status(STRANGER)) == (200, 404)


@pytest.mark.parametrize(
    ("method", "name", "content", "status"),
    [
        ("GET", "health", None, 200),
        ("GET", "nothing", None, 404),
        ("POST", "health", None, 404),
        ("PUT", "faults", {"faults": {"cut_share": 2}}, 400),
        ("PUT", "faults", {"faults": {"cut_share": 0.9, "html_200_share": 0.9}}, 400),
        ("PUT", "faults", {"fault": {}}, 400),
        ("PUT", "limits", {"limit_per_s": -1, "bucket": 1}, 400),
        ("PUT", "limits", {"limit_per_s": 1, "bucket": 0}, 400),
        ("PUT", "latency", {"latency_ms": -1}, 400),
        ("PUT", "storm", {"duration_s": -1}, 400),
        ("PUT", "outage", {"duration_s": 1, "mode": "odd"}, 400),
        ("PUT", "latency", {"latency_ms": 1}, 200),
        ("PUT", "closing", {"close_on_4xx": True}, 200),
        ("POST", "reset", None, 200),
        ("POST", "clear-record", None, 200),
    ],
)
def test_orders_are_checked(method: str, name: str, content: object, status: int) -> None:
    line = Line()
    assert line.order(method, name, content)[0] == status
    assert line.double.report()["totals"]["calls"] == 0


@pytest.mark.parametrize("options", [{"latency_ms": -1}, {"jitter_ms": -1}])
def test_options_that_cannot_be_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="negative"):
        Options(**options)  # type: ignore[arg-type]
