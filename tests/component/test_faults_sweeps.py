"""Nights with verified channels through the real handlers: what LINE's list may do, and that nobody is misjudged."""

import re

import pytest

from tests.support.night import Night, line_user_id
from tests.support.sweep_nights import (
    NEXT_RUN,
    NEXT_SCHEDULED,
    calls,
    check,
    dead_sweeps,
    kill_on_page,
    stop_after_pages,
    verify,
)
from tools.line_double.faults import Faults
from tools.line_double.followers import FollowerRules
from yomawari.usecases import listing

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page holds 100."""
    monkeypatch.setattr(listing, "PAGE_IDS", 100)


def test_verified_and_other_channels_settle_alike(night: Night) -> None:
    night.seed({1: 500, 2: 300}, check_by="auto")
    verify(night, 1, strangers=30)
    dispatched = night.dispatch()
    assert (dispatched["sweeps"], dispatched["chunks"], dispatched["seekers"]) == (2, 0, 800)
    night.drain()
    night.settled()
    verified, other = calls(night, 1), calls(night, 2)
    assert verified.keys() == {"followers"}
    assert verified["followers"].total() <= 2 + 500 / 100
    assert other["followers"] == {"403": 1}
    assert other["profile"].total() >= 292
    assert [event["state"] for event in night.stack.announced()] == ["completed"]


def test_the_probe_is_remembered_the_next_night(night: Night) -> None:
    night.seed({1: 50, 2: 50}, check_by="auto")
    verify(night, 1)
    night.dispatch()
    night.drain()
    night.double.control.clear_record()
    dispatched = night.dispatch(NEXT_SCHEDULED)
    assert (dispatched["sweeps"], dispatched["chunks"]) == (1, 1)
    night.drain()
    check(night, run_id=NEXT_RUN)
    assert (calls(night, 1)["followers"], calls(night, 2)["followers"]) == ({"200": 1}, {})


def test_403_in_mid_run_goes_on_one_by_one_in_the_same_run(night: Night) -> None:
    night.seed({1: 500, 2: 100}, check_by="followers")
    verify(night, 1, 2)
    night.double.control.set_follower_rules(FollowerRules(pages_until_forbidden=2), "1")
    night.dispatch()
    night.drain()
    night.settled()
    assert calls(night, 1)["followers"] == {"200": 2, "403": 1}
    assert calls(night, 1)["profile"].total() >= 488
    assert "profile" not in calls(night, 2)
    night.ledger.run("UPDATE line_channels SET check_by = 'auto'")
    assert night.dispatch(NEXT_SCHEDULED)["sweeps"] == 1, "LINE's last word is remembered"


def test_short_empty_and_overlapping_pages(night: Night) -> None:
    night.seed({1: 500}, check_by="followers")
    verify(night, 1)
    night.double.control.set_follower_rules(FollowerRules(fill=0.6, empty_every=3, repeated=10), "1")
    night.dispatch()
    night.drain()
    night.settled()


def test_pages_that_are_html_cut_or_errors_are_asked_for_again(night: Night) -> None:
    night.seed({1: 800, 2: 400}, check_by="followers")
    verify(night, 1, 2)
    night.double.control.set_faults(
        Faults(html_200_share=0.1, html_400_share=0.1, cut_share=0.1, server_error_share=0.1)
    )
    night.dispatch()
    night.drain()
    night.settled()


def test_an_expired_next_starts_over(night: Night) -> None:
    night.seed({1: 500}, check_by="followers")
    verify(night, 1)
    night.dispatch()
    stop_after_pages(night, 2)
    night.double.control.set_follower_rules(FollowerRules(clock_offset_s=24 * 3600), "1")
    night.drain()
    night.settled()
    assert calls(night, 1)["followers"]["400"] == 1


def test_an_outage_half_way_through_goes_on_from_there(night: Night) -> None:
    night.seed({1: 500}, check_by="followers")
    verify(night, 1)
    night.dispatch()
    stop_after_pages(night, 2)
    night.double.control.set_outage(60)
    night.sweeps.once()
    night.double.control.set_outage(0)
    night.drain()
    night.settled()
    assert calls(night, 1)["followers"] == {"200": 4, "503": 4}, "no page that came is asked for twice"


def test_an_outage_that_lasts_fails_everybody_and_a_redrive_makes_up_for_it(night: Night) -> None:
    night.seed({1: 500, 2: 100}, check_by="followers")
    verify(night, 1, 2)
    night.double.control.set_faults(Faults(server_error_share=1), tenant_id="1")
    night.dispatch()
    night.drain()
    check(night, "completed_with_failures")
    failed, other = night.report().tenants
    assert (failed.failed, other.failed) == (500, 0)
    (dead,) = dead_sweeps(night)
    assert (dead.tenant_id, dead.reason, dead.attempt) == (1, "HTTP 500", 1)
    night.double.control.set_faults(Faults())
    redriven = night.redrive()
    assert (redriven.messages, redriven.channels, redriven.tenants) == (1, 1, {1})
    night.drain()
    night.settled()


def test_a_refused_token_closes_the_list_and_a_redrive_opens_it(night: Night) -> None:
    night.seed({1: 200}, check_by="followers")
    verify(night, 1)
    night.double.control.set_faults(Faults(unauthorized=True), tenant_id="1")
    night.dispatch()
    night.drain()
    check(night, "completed_with_failures")
    assert (night.report().tenants[0].state, night.report().tenants[0].reason) == ("closed", "unauthorized")
    night.double.control.set_faults(Faults())
    night.redrive()
    night.drain()
    night.settled()


def test_a_worker_killed_between_two_pages_goes_on_from_its_checkpoint(night: Night) -> None:
    night.seed({1: 500}, check_by="followers")
    verify(night, 1)
    night.dispatch()
    stop_after_pages(night, 2)
    kill_on_page(night, 1)
    night.drain()
    night.settled()
    assert calls(night, 1)["followers"]["200"] <= 6


def test_a_sweep_that_does_not_parse_is_put_aside_and_the_next_is_swept(night: Night) -> None:
    night.seed({1: 50}, check_by="followers")
    verify(night, 1)
    night.dispatch()
    night.stack.sqs.send_message(QueueUrl=night.stack.url("Sweeps"), MessageBody='{"version": 9}')
    night.drain()
    check(night)
    (message,) = night.stack.peek("SweepsDeadLetters")
    assert "version: Input should be 1" in message["MessageAttributes"]["reason"]["StringValue"]


def test_job_seekers_that_go_or_come_after_the_dispatch_do_not_hold_the_run_up(night: Night) -> None:
    night.seed({1: 300}, check_by="followers")
    verify(night, 1)
    night.dispatch()
    night.ledger.run("DELETE FROM line_accounts WHERE job_seeker_id = 100001")
    night.ledger.run("INSERT INTO job_seekers (id, tenant_id, external_key) VALUES (777, 1, 'new')")
    sql = "INSERT INTO line_accounts (tenant_id, job_seeker_id, line_user_id) VALUES (1, 777, %s)"
    night.ledger.run(sql, (line_user_id(777),))
    night.drain()
    report = night.report()
    assert (report.state, report.totals.seekers, report.totals.settled) == ("completed", 300, 300)


def test_no_log_line_of_a_sweep_holds_a_token_or_a_line_user_id(night: Night, caplog: pytest.LogCaptureFixture) -> None:
    night.seed({1: 300, 2: 100}, check_by="auto")
    verify(night, 1)
    night.double.control.set_faults(Faults(html_200_share=0.3))
    night.dispatch()
    night.drain()
    lines = [str(vars(record)) for record in caplog.records]
    assert any("channel swept" in line for line in lines)
    assert not [line for line in lines if re.search(r"double-\d|[Uu][0-9a-f]{32}", line)]
