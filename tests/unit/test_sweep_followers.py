"""A channel's sweep, in virtual time: who is a friend, and what happens when LINE does not give its list."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rounds import RUN, line_id
from tests.support.sweeps import PROBING, SWEEP, TENANT, World
from yomawari.adapters.line_followers_fake import Trouble
from yomawari.adapters.mysql.memory import AccountRow
from yomawari.domain.followers import FollowerPage, FollowerSet, InvalidStart, PageAnswer
from yomawari.domain.gate import Gate
from yomawari.domain.outcomes import ChannelRefused, RateLimited, Unknown
from yomawari.domain.ways import Channel
from yomawari.usecases.ports import Unavailable

DAY_US = 24 * 3600 * 1_000_000
HTML = Unknown("400 that is not LINE's")


def on_calls(answer: PageAnswer, *calls: int) -> Trouble:
    """Trouble on these calls only."""
    return lambda _token, call: answer if call in calls else None


def from_call(answer: PageAnswer, first: int) -> Trouble:
    """Trouble from this call on."""
    return lambda _token, call: answer if call >= first else None


class TestCompared:
    def test_who_is_listed_is_a_friend_and_nobody_else(self) -> None:
        world = World(6)
        world.rounds.add_account(TENANT, 7, AccountRow("not an id"))
        stranger = f"U{'f' * 32}"
        world.line.line_user_ids = [*(line_id(one) for one in world.ids[:4]), stranger]
        swept = world.sweep()
        assert (swept.outcome, swept.seekers, swept.followers, swept.pages, swept.calls) == ("compared", 7, 5, 1, 1)
        expected = {7: "invalid"} | dict.fromkeys(world.ids[:4], "friend") | dict.fromkeys(world.ids[4:], "not_friend")
        assert world.written() == expected
        assert world.state() == "completed"

    def test_pages_are_asked_for_in_turn_a_thousand_ids_each(self) -> None:
        world = World(2_500)
        assert world.sweep().pages == 3
        assert world.line.calls == [(1_000, None), (1_000, "from-1000"), (1_000, "from-2000")]
        assert set(world.said().values()) == {"friend"}
        assert [len(results.friend) for results in world.results()] == [1_000, 1_000, 500, 0]
        assert world.results()[-1].seekers == 2_500

    def test_results_were_observed_when_the_first_page_was_asked_for(self) -> None:
        world = World(3_000, latency_s=2)
        began_us = world.now_us
        world.sweep()
        (first_us, *_) = world.line.arrivals_us
        observed = {results.observed_at for results in world.results() if results.friend}
        assert observed == {datetime.fromtimestamp(began_us / 1e6, UTC)}
        assert began_us <= first_us

    def test_every_call_has_a_permit_of_the_lists_own_gate(self) -> None:
        world = World(3_000)
        world.sweep()
        assert set(world.gate.gates) == {f"{TENANT}#followers"}
        assert world.gate.permits == 3

    def test_a_tenant_without_job_seekers_asks_once_and_says_so(self) -> None:
        world = World(0)
        world.sweep()
        assert [results.seekers for results in world.results()] == [0]
        assert world.state() == "completed"

    def test_those_who_came_or_went_since_the_dispatch_are_counted_as_the_sweep_finds_them(self) -> None:
        world = World(5)
        world.rounds.tables.accounts_by_key.pop((TENANT, world.ids[0]))
        world.sweep()
        assert world.state() == "completed"

    def test_whom_the_round_does_not_ask_about_is_not_spoken_of(self) -> None:
        world = World(2)
        friday = 7 * 500 + 4
        world.rounds.add_account(TENANT, friday + 1, AccountRow(line_id(1), "not_friend", "not_friend", 5, None, 7))
        world.rounds.add_account(TENANT, friday + 2, AccountRow(line_id(2), "invalid", "invalid", 5))
        world.sweep()
        assert set(world.said()) == set(world.ids)

    def test_a_second_delivery_says_the_same_and_changes_nothing(self) -> None:
        world = World(4)
        world.line.line_user_ids.pop()
        world.sweep()
        before = world.written(), world.state()
        world.sent("writes").clear()
        world.sweep()
        assert (world.written(), world.state()) == before


class TestPages:
    def test_short_and_empty_pages_with_a_next_go_on(self) -> None:
        world = World(2_000)
        pages = {2: FollowerPage([], "from-1000"), 3: FollowerPage(world.line.line_user_ids[1_000:1_003], "from-1003")}
        world.line._trouble = lambda _token, call: pages.get(call)
        assert world.sweep().outcome == "compared"
        assert set(world.said().values()) == {"friend"}

    def test_a_duplicate_over_two_pages_changes_nothing(self) -> None:
        world = World(1_500)
        again = FollowerPage(world.line.line_user_ids[990:], None)
        world.line._trouble = on_calls(again, 2)
        assert world.sweep().followers == 1_510
        assert set(world.said().values()) == {"friend"}
        assert world.state() == "completed"

    def test_a_follower_added_behind_the_page_is_missed_for_this_night_only(self) -> None:
        """LINE documents no snapshot: the valve is the net, and the next night asks again."""
        world = World(2_000)
        added = world.line.line_user_ids.pop(0)
        first = world.ids[0]

        def add(call: int) -> None:
            if call == 2:
                world.line.line_user_ids.append(added)  # listed in the order in which they were added
                world.line.line_user_ids = [added, *world.line.line_user_ids[:-1]]

        world.line.before_call = add
        world.sweep()
        assert world.said()[first] == "not_friend"
        world.sent("writes").clear()
        world.sweep()
        assert world.said()[first] == "friend"

    def test_a_list_that_is_suddenly_empty_is_held_and_not_written(self) -> None:
        world = World(60)
        for row in world.rounds.accounts().values():
            row.friend_status = "friend"
        world.rounds.tables.runs.clear()
        world.rounds.dispatch.begin(RUN, datetime(2026, 11, 19, 17, tzinfo=UTC))
        world.rounds.dispatch.sent(RUN, TENANT, 60, None)
        world.rounds.dispatch.all_sent(RUN, datetime(2026, 11, 19, 17, tzinfo=UTC))
        world.line.line_user_ids = []
        assert world.sweep().outcome == "compared"
        assert set(world.written().values()) == {"friend"}
        assert world.state() == "completed_with_holds"


class TestNotAllowed:
    def test_403_in_mid_run_sends_the_tenant_in_chunks(self, caplog: pytest.LogCaptureFixture) -> None:
        world = World(2_500, on_calls(ChannelRefused("forbidden"), 2))
        assert world.sweep().outcome == "by profile"
        assert [seeker_id for chunk in world.chunks() for seeker_id, _ in chunk.seekers] == world.ids
        assert [message.delay_s for message in world.sent("checks")] == [0, 0, 1]
        assert {message.group for message in world.sent("checks")} == {str(TENANT)}
        assert world.said() == {}, "absent from half a list means nothing"
        assert [results.seekers for results in world.results()] == [2_500]
        known = world.rounds.tables.ways[TENANT]
        assert (known.followers_allowed, known.followers_probed_at is not None) == (False, True)
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert not world.later()
        assert not world.gate.gates[f"{TENANT}#followers"].closed_until_us

    def test_a_probe_that_is_refused_costs_one_call(self) -> None:
        world = World(3)
        world.line.is_verified = False
        swept = world.sweep(PROBING)
        assert (swept.outcome, swept.calls, world.line.calls) == ("by profile", 1, [(1, None)])
        assert world.rounds.tables.ways[TENANT].followers_allowed is False

    def test_a_probe_that_is_allowed_is_kept_and_the_list_is_read_from_its_beginning(self) -> None:
        world = World(3)
        swept = world.sweep(PROBING)
        assert (swept.outcome, swept.calls) == ("compared", 2)
        assert world.line.calls == [(1, None), (1_000, None)]
        assert world.rounds.tables.ways[TENANT] == Channel(
            "profile", followers_allowed=True, followers_probed_at=world.rounds.tables.ways[TENANT].followers_probed_at
        )
        assert world.state() == "completed"

    def test_a_probe_that_nobody_answers_is_asked_again(self) -> None:
        world = World(3, on_calls(Unknown("HTTP 500"), 1, 2, 3, 4))
        assert world.sweep(PROBING).outcome == "again"
        (later,) = world.later()
        assert later.probe
        assert world.rounds.tables.ways[TENANT].followers_allowed is None


class TestStartOver:
    def test_an_invalid_next_begins_anew(self) -> None:
        world = World(1_500, on_calls(InvalidStart(), 2))
        assert world.sweep().calls == 4
        assert [start for _, start in world.line.calls] == [None, "from-1000", None, "from-1000"]
        assert world.state() == "completed"

    def test_what_was_on_the_old_pages_is_forgotten(self) -> None:
        world = World(1_500, on_calls(InvalidStart(), 2))
        gone = world.ids[0]

        def block(call: int) -> None:
            if call == 3:
                world.line.line_user_ids.remove(line_id(gone))

        world.line.before_call = block
        world.sweep()
        assert [one for one, outcome in world.said().items() if outcome == "not_friend"] == [gone]

    def test_a_next_that_is_never_taken_waits_for_another_attempt(self) -> None:
        world = World(1_500, lambda _token, call: InvalidStart() if call % 2 == 0 else None)
        assert world.sweep().reason == "LINE does not take its own next"
        assert [later.attempt for later in world.later()] == [2]

    def test_an_expired_next_is_not_even_sent(self) -> None:
        world = World(1_500, latency_s=10)
        world.sweep(within_s=5)
        (later,) = world.later()
        world.sent("sweeps").clear()
        world.now_us += DAY_US
        assert world.sweep(later).outcome == "compared"
        assert [start for _, start in world.line.calls] == [None, None, "from-1000"]
        (observed,) = {results.observed_at for results in world.results() if results.friend}
        assert observed.timestamp() * 1e6 >= world.now_us - DAY_US / 2

    def test_pages_that_are_gone_begin_anew(self) -> None:
        world = World(1_500, latency_s=10)
        world.sweep(within_s=5)
        (later,) = world.later()
        world.states.kept.clear()
        assert world.sweep(later).outcome == "compared"
        assert set(world.said().values()) == {"friend"}


class TestCheckpoint:
    def test_near_the_deadline_the_rest_goes_into_a_new_message(self) -> None:
        world = World(3_500, latency_s=3)
        began_us = world.now_us
        visits = world.sweep_on(within_s=7)
        assert [visit.outcome for visit in visits] == ["deferred", "compared"]
        assert [start for _, start in world.line.calls] == [None, "from-1000", "from-2000", "from-3000"]
        assert set(world.said().values()) == {"friend"}
        assert {results.observed_at.timestamp() * 1e6 for results in world.results() if results.friend} == {began_us}
        assert world.state() == "completed"

    def test_a_deferral_is_no_attempt(self) -> None:
        world = World(3_500, latency_s=3)
        world.sweep(within_s=1)
        (later,) = world.later()
        assert (later.attempt, later.progress is not None) == (1, True)

    def test_the_pages_are_kept_before_the_message_is_sent(self) -> None:
        """Between the two a worker may die: then the old message comes again, and what was kept is nobody's."""
        world = World(3_500, latency_s=3)
        world.queues.sweeps.failures.append(Unavailable("SQS"))  # type: ignore[attr-defined]
        with pytest.raises(Unavailable):
            world.sweep(within_s=1)
        assert len(world.states.kept) == 1
        assert world.sweep().outcome == "compared"
        assert world.state() == "completed"

    def test_a_worker_killed_between_two_pages_leaves_the_last_checkpoint(self) -> None:
        world = World(3_500, latency_s=3)
        world.sweep(within_s=4)
        (later,) = world.later()

        def die(call: int) -> None:
            if call == 4:
                raise KeyboardInterrupt

        world.line.before_call = die
        with pytest.raises(KeyboardInterrupt):
            world.sweep(later)
        world.line.before_call = lambda _call: None
        assert world.said() == {}
        assert world.sweep(later).outcome == "compared"
        assert [start for _, start in world.line.calls] == [None, "from-1000", "from-2000", "from-2000", "from-3000"]
        assert world.state() == "completed"

    def test_a_message_that_goes_on_holds_no_line_id(self) -> None:
        world = World(3_500, latency_s=3)
        world.sweep(within_s=1)
        (message,) = world.sent("sweeps")
        assert "U0000" not in message.body
        (packed,) = world.states.kept.values()
        assert line_id(world.ids[0]) in FollowerSet(packed)


class TestUnanswered:
    @pytest.mark.parametrize("trouble", [HTML, Unknown("HTTP 500"), Unknown("no answer: ReadTimeout")])
    def test_a_page_that_fails_is_asked_for_again(self, trouble: Unknown) -> None:
        world = World(1_500, on_calls(trouble, 1, 3, 4))
        swept = world.sweep()
        assert (swept.outcome, swept.calls) == ("compared", 5)
        assert set(world.said().values()) == {"friend"}

    def test_an_outage_half_way_through_waits_and_goes_on_from_there(self) -> None:
        world = World(3_500, on_calls(Unknown("HTTP 503"), *range(3, 11)))
        visits = world.sweep_on()
        assert [visit.outcome for visit in visits] == ["again", "again", "compared"]
        assert [start for _, start in world.line.calls] == [
            None,
            "from-1000",
            *["from-2000"] * 9,
            "from-3000",
        ]
        assert world.state() == "completed"

    def test_a_page_that_names_itself_as_the_next_is_asked_for_again(self) -> None:
        world = World(1_500, on_calls(FollowerPage([], "from-1000"), 2, 3))
        swept = world.sweep()
        assert (swept.outcome, swept.calls) == ("compared", 4)
        assert set(world.said().values()) == {"friend"}

    def test_a_list_that_never_goes_on_is_given_up(self) -> None:
        world = World(1_500, from_call(FollowerPage([], "from-1000"), 2))
        assert [visit.outcome for visit in world.sweep_on()] == ["again"] * 4 + ["failed"]
        assert {one.reason for one in world.dead()} == {"a page that names itself as the next"}

    def test_waits_between_attempts_grow(self) -> None:
        world = World(3, from_call(Unknown("HTTP 503"), 1))
        delays: list[int] = []
        sweep = SWEEP
        for attempt in range(2, 6):
            assert world.sweep(sweep).outcome == "again"
            (message,) = world.sent("sweeps")
            (sweep,) = world.later()
            delays.append(message.delay_s)
            assert sweep.attempt == attempt
            world.sent("sweeps").clear()
        assert delays == [15, 30, 60, 120]

    def test_after_five_attempts_everybody_fails_and_nobody_is_judged(self) -> None:
        world = World(1_500, from_call(Unknown("HTTP 503"), 2))
        assert [visit.outcome for visit in world.sweep_on()] == ["again"] * 4 + ["failed"]
        assert set(world.said().values()) == {"failed"}
        assert {results.reason for results in world.results() if results.failed} == {"HTTP 503"}
        (dead,) = world.dead()
        assert (dead.attempt, dead.progress, dead.reason) == (1, None, "HTTP 503")
        assert world.sent("dead_letters")[0].attributes == {"reason": "HTTP 503"}
        assert set(world.written().values()) == {"unknown"}
        assert world.state() == "completed_with_failures"

    def test_redriven_it_makes_up_for_the_failures(self) -> None:
        world = World(5, from_call(Unknown("HTTP 503"), 1))
        world.sweep_on()
        assert world.state() == "completed_with_failures"
        world.sent("writes").clear()
        world.line._trouble = lambda _token, _call: None
        world.sweep(world.dead()[0])
        assert set(world.written().values()) == {"friend"}
        assert world.state() == "completed"


class TestGate:
    def test_429_closes_the_list_for_all_and_is_no_attempt(self) -> None:
        world = World(1_500, on_calls(RateLimited(), 2))
        swept = world.sweep()
        assert (swept.outcome, swept.rate_limited) == ("compared", 1)
        first_us, limited_us, again_us = world.line.arrivals_us
        assert again_us - limited_us >= 1_000_000 > limited_us - first_us

    def test_a_channel_that_is_closed_for_long_defers(self) -> None:
        world = World(3)
        world.gate.gates[f"{TENANT}#followers"] = Gate(0, world.now_us + 60_000_000, "rate_limited")
        swept = world.sweep()
        assert (swept.outcome, swept.reason, swept.calls) == ("deferred", "rate_limited", 0)
        assert world.sent("sweeps")[0].delay_s == 60

    def test_no_call_goes_out_while_the_gate_cannot_be_asked(self) -> None:
        world = World(3)
        world.gate.is_down = True
        assert world.sweep().reason == "the gate is unavailable"
        assert not world.line.calls
        assert world.sent("sweeps")[0].delay_s == 30

    def test_a_refused_token_closes_the_list_and_fails_the_tenant(self) -> None:
        world = World(3, from_call(ChannelRefused("unauthorized"), 1))
        assert world.sweep().outcome == "failed"
        assert {results.closed for results in world.results() if results.failed} == {"unauthorized"}
        assert world.gate.gates[f"{TENANT}#followers"].closed_reason == "unauthorized"
        assert [dead.reason for dead in world.dead()] == ["unauthorized"]
        assert world.sweep().calls == 0, "the next sweep does not even ask"

    def test_a_token_that_was_renewed_goes_on(self) -> None:
        world = World(3, lambda token, _call: ChannelRefused("unauthorized") if token == "t" else None)
        original = world.tokens.forget

        def renew(tenant_id: int) -> None:
            original(tenant_id)
            world.tokens.tokens[TENANT] = "new"

        world.tokens.forget = renew  # type: ignore[method-assign]
        assert world.sweep().outcome == "compared"

    def test_a_tenant_without_a_token_fails(self) -> None:
        world = World(3)
        world.tokens.tokens.clear()
        assert (world.sweep().outcome, world.sweep().reason) == ("failed", "no token")


@settings(deadline=None, max_examples=80)
@given(
    st.integers(0, 3_200),
    st.lists(
        st.sampled_from([Unknown("HTTP 500"), InvalidStart(), RateLimited(), FollowerPage([], "from-0"), None]),
        max_size=8,
    ),
    st.floats(0.01, 4),
)
def test_whatever_line_does_everybody_is_judged_rightly_or_not_at_all(
    seekers: int, troubles: list[PageAnswer | None], latency_s: float
) -> None:
    world = World(seekers, lambda _token, call: troubles[call - 1] if call <= len(troubles) else None, latency_s)
    world.line.line_user_ids = world.line.line_user_ids[::2]
    last = world.sweep_on(within_s=10)[-1]
    if last.outcome == "compared":
        assert set(world.said()) == set(world.ids)
        friends = {one for one, outcome in world.said().items() if outcome == "friend"}
        assert friends == set(world.ids[::2])
        assert world.state() == "completed"
    else:
        assert set(world.said().values()) <= {"failed"}
