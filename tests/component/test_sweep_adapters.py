"""The sweep's adapters and their fakes, against the same promises: LINE's double, S3 as moto has it, MySQL."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest
from botocore.exceptions import ConnectionClosedError

from tests.component.test_aws_adapters import with_client
from tests.support.line_clients import FRIENDS, PEOPLE, TOKEN, Line
from tests.support.rounds import NEXT_RUN, NIGHT, RUN, Rounds, Seeding, at
from tools.line_double.faults import Faults, OutageMode
from tools.line_double.followers import FollowerRules
from tools.line_double.process import RunningDouble, running_double
from yomawari.adapters.line_followers import LineFollowers
from yomawari.adapters.line_followers_fake import FollowersFake
from yomawari.adapters.sweep_states import S3SweepStates
from yomawari.adapters.sweep_states_fake import SweepStatesFake
from yomawari.domain.followers import FollowerPage, InvalidStart, PageAnswer
from yomawari.domain.outcomes import ChannelRefused, RateLimited, Unknown
from yomawari.domain.ways import Channel
from yomawari.usecases.ports import Unavailable
from yomawari.usecases.sweep_ports import FollowerLists, SweepStates

T = TypeVar("T")


@pytest.fixture(scope="module")
def one_double() -> Iterator[RunningDouble]:
    with running_double(latency_ms=5, jitter_ms=2) as double:
        yield double


@pytest.fixture
def double(one_double: RunningDouble) -> RunningDouble:
    """Tenant 7 is verified, and its list knows 2,000 people."""
    one_double.control.reset()
    one_double.control.set_followers("7", verified=True)
    one_double.control.add_follower_ids("7", PEOPLE)
    return one_double


Use = Callable[[Callable[[FollowerLists], Awaitable[Any]]], Any]


@pytest.fixture(params=["h2", "h1", "fake"])
def use(request: pytest.FixtureRequest, double: RunningDouble) -> Use:
    """Runs something with a list of FRIENDS."""
    if request.param == "fake":
        return lambda main: asyncio.run(main(FollowersFake(FRIENDS, latency_s=0)))  # type: ignore[arg-type]
    line = Line(double.url, http2=request.param == "h2")
    return lambda main: line.use(lambda client, _engine: main(LineFollowers(client)))


async def walk(lists: FollowerLists) -> list[PageAnswer]:
    pages = [await lists.page(TOKEN, 1_000, None)]
    while isinstance(pages[-1], FollowerPage) and pages[-1].next is not None:
        pages.append(await lists.page(TOKEN, 1_000, pages[-1].next))
    return pages


class TestLists:
    def test_all_pages_name_the_friends_in_order(self, use: Use) -> None:
        pages = use(walk)
        assert [one for page in pages for one in page.line_user_ids] == FRIENDS
        assert [page.next is None for page in pages] == [False, True]

    def test_a_limit_of_one(self, use: Use) -> None:
        page = use(lambda lists: lists.page(TOKEN, 1, None))
        assert page.line_user_ids == FRIENDS[:1]
        assert page.next is not None

    def test_a_start_that_was_never_given(self, use: Use) -> None:
        assert use(lambda lists: lists.page(TOKEN, 1_000, "nonsense&limit=1")) == InvalidStart()


class TestLine:
    @pytest.fixture
    def page(self, double: RunningDouble) -> Callable[[], PageAnswer]:
        line = Line(double.url, http2=True, timeout_s=0.3)
        return lambda: line.use(lambda client, _engine: LineFollowers(client).page(TOKEN, 1_000, None))

    def test_an_account_that_is_not_verified(self, double: RunningDouble, page: Callable[[], PageAnswer]) -> None:
        double.control.set_followers("7", verified=False)
        assert page() == ChannelRefused("forbidden")

    @pytest.mark.parametrize(
        ("faults", "answer"),
        [
            (Faults(html_400_share=1), Unknown("400 that is not LINE's")),
            (Faults(html_200_share=1), Unknown("200 without followers")),
            (Faults(server_error_share=1), Unknown("HTTP 500")),
            (Faults(never_answer_share=1), Unknown("no answer: ReadTimeout")),
            (Faults(unauthorized=True), ChannelRefused("unauthorized")),
            (Faults(forbidden=True), ChannelRefused("forbidden")),
        ],
    )
    def test_faults(
        self, double: RunningDouble, page: Callable[[], PageAnswer], faults: Faults, answer: PageAnswer
    ) -> None:
        double.control.set_faults(faults)
        assert page() == answer

    def test_a_cut_connection_is_no_answer(self, double: RunningDouble, page: Callable[[], PageAnswer]) -> None:
        double.control.set_faults(Faults(cut_connection_share=1))
        assert isinstance(page(), Unknown)

    def test_an_outage(self, double: RunningDouble, page: Callable[[], PageAnswer]) -> None:
        double.control.set_outage(5, OutageMode.UNAVAILABLE)
        assert page() == Unknown("HTTP 503")

    def test_a_storm(self, double: RunningDouble, page: Callable[[], PageAnswer]) -> None:
        double.control.set_storm(5)
        assert page() == RateLimited()

    def test_an_expired_next(self, double: RunningDouble) -> None:
        async def main(lists: LineFollowers) -> PageAnswer:
            first = await lists.page(TOKEN, 10, None)
            assert isinstance(first, FollowerPage)
            double.control.set_follower_rules(FollowerRules(clock_offset_s=24 * 3600))
            return await lists.page(TOKEN, 10, first.next)

        line = Line(double.url, http2=True)
        assert line.use(lambda client, _engine: main(LineFollowers(client))) == InvalidStart()


class TestStates:
    @pytest.fixture(params=["s3", "fake"])
    def use(self, request: pytest.FixtureRequest) -> Callable[[Callable[[SweepStates], Awaitable[None]]], None]:
        if request.param == "fake":
            return lambda main: asyncio.run(main(SweepStatesFake()))  # type: ignore[arg-type]
        options = request.getfixturevalue("moto_options")
        region = {"LocationConstraint": options["region_name"]}
        request.getfixturevalue("aws")("s3").create_bucket(Bucket="states", CreateBucketConfiguration=region)
        return lambda main: asyncio.run(
            with_client(options, "s3", lambda client: main(S3SweepStates(client, "states")))
        )

    def test_what_is_kept_is_there_and_the_last_counts(
        self, use: Callable[[Callable[[SweepStates], Awaitable[None]]], None]
    ) -> None:
        async def main(states: SweepStates) -> None:
            assert await states.load("202611200200/7/1") is None
            await states.save("202611200200/7/1", b"\x00\xff" * 8)
            await states.save("202611200200/7/1", b"\x01" * 16_000_000)
            await states.save("202611200200/7/2", b"")
            assert await states.load("202611200200/7/1") == b"\x01" * 16_000_000
            assert await states.load("202611200200/7/2") == b""

        use(main)

    @pytest.mark.usefixtures("aws")
    def test_a_bucket_that_is_away_is_unavailable(self, moto_options: dict[str, str]) -> None:
        async def missing(client: Any) -> None:
            with pytest.raises(Unavailable, match="S3"):
                await S3SweepStates(client, "nowhere").save("key", b"")
            with pytest.raises(Unavailable, match="S3"):
                await S3SweepStates(client, "nowhere").load("key")
            client.meta.events.register("before-send.s3", refuse)
            with pytest.raises(Unavailable, match="S3"):
                await S3SweepStates(client, "states").load("key")
            with pytest.raises(Unavailable, match="S3"):
                await S3SweepStates(client, "states").save("key", b"")

        asyncio.run(with_client(moto_options, "s3", missing))


def refuse(request: Any, **_: object) -> None:
    raise ConnectionClosedError(endpoint_url=request.url)


class TestStore:
    def test_a_sweep_is_of_the_very_ones_a_dispatch_would_ask(self, rounds: Rounds) -> None:
        Seeding(rounds).tenant(1, 5)
        Seeding(rounds).tenant(2, 3)
        for run_id in (RUN, NEXT_RUN):
            asked = [account[1:] for account in rounds.dispatch.accounts(run_id, [2])]
            assert list(rounds.sweeps.seekers(run_id, 2)) == asked
            assert rounds.dispatch.askable(run_id, [1, 2, 9]) == {1: 5, 2: 3}
        assert rounds.dispatch.askable(RUN, []) == {}

    def test_what_line_said_is_kept(self, rounds: Rounds) -> None:
        Seeding(rounds).tenant(1, channel=Channel())
        rounds.dispatch.begin(RUN, NIGHT)
        for allowed in (True, False):
            rounds.sweeps.probed(1, at(5), allowed=allowed)
            assert rounds.dispatch.waiting(RUN)[0].channel == Channel("auto", allowed, at(5))
