"""Nights with channels whose list is read: what a test does to the list and to the workers that read it."""

from collections import Counter

import pytest

from tests.support.ledger import truth
from tests.support.night import RUN, Night
from tools.line_double.truth import is_line_user_id
from yomawari.domain.followers import FollowerPage
from yomawari.messages import FollowerSweep, read
from yomawari.usecases import listing

NEXT_SCHEDULED = "2026-11-22T17:00:00Z"
NEXT_RUN = 2026_11_23_02_00


def verify(night: Night, *tenant_ids: int, strangers: int = 0) -> None:
    """Let these tenants' accounts list their followers, of whom the list knows all that MySQL knows."""
    for tenant_id in tenant_ids:
        known = [row.line_user_id for key, row in night.ledger.accounts().items() if key[0] == tenant_id]
        night.double.control.set_followers(str(tenant_id), verified=True, strangers=strangers)
        night.double.control.add_follower_ids(str(tenant_id), filter(is_line_user_id, known))


def calls(night: Night, tenant_id: int) -> dict[str, Counter[str]]:
    """How the double answered one tenant, by endpoint and status."""
    lanes = night.double.control.report().channels.get(str(tenant_id), {})
    return {name: Counter(lane.statuses) for name, lane in lanes.items()}


def statuses(night: Night) -> dict[tuple[int, int], str]:
    """Everybody's."""
    return {key: row.status for key, row in night.ledger.accounts().items()}


def dead_sweeps(night: Night) -> list[FollowerSweep]:
    """The sweeps in the dead-letter queue that can be read."""
    sweeps = [read(FollowerSweep, message["Body"]) for message in night.stack.peek("SweepsDeadLetters")]
    return [sweep for sweep in sweeps if isinstance(sweep, FollowerSweep)]


def check(night: Night, state: str = "completed", run_id: int = RUN) -> None:
    """Every row and counter is as the truth has it; unlike `Night.settled`, the dead letters may be sweeps."""
    books = night.books(run_id)
    assert books.report.state == state
    for tenant in books.report.tenants:
        books._check_rows(tenant, truth(night.overrides))
        books._check_counters(tenant)


def stop_after_pages(night: Night, pages: int) -> None:
    """Sweep once, with a worker whose time is over after so many pages; the rest is a message with a checkpoint."""
    ask = listing.Lister._page

    async def and_stop(self: listing.Lister, reading: listing._Reading, token: str) -> listing.Stopped | None:
        stopped = await ask(self, reading, token)
        if reading.listing.pages >= pages:
            reading.deadline_us = 0
        return stopped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing.Lister, "_page", and_stop)
        assert night.sweeps.once() == 1
    (message,) = night.stack.peek("Sweeps")
    sweep = read(FollowerSweep, message["Body"])
    assert isinstance(sweep, FollowerSweep)
    assert sweep.progress is not None
    assert sweep.progress.pages == pages


def kill_on_page(night: Night, page: int) -> None:
    """Sweep once, with a worker that dies when so many more pages have come; its message is shown again."""
    take, seen = listing.Listing.take, Counter[str]()

    def and_die(self: listing.Listing, page_taken: FollowerPage, now_us: int) -> None:
        take(self, page_taken, now_us)
        seen["pages"] += 1
        if seen["pages"] == page:
            raise RuntimeError("the worker was killed")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing.Listing, "take", and_die)
        assert night.sweeps.once() == 1
    assert seen["pages"] == page
