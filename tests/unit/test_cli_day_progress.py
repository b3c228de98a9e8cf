"""When a watched day is done, and what is then said of it."""

import io
from datetime import date
from typing import TYPE_CHECKING, cast

import pytest
from rich.console import Console
from rich.live import Live

from tools.cli import day_progress
from yomawari.domain.days import DayReport, SummaryReport

if TYPE_CHECKING:
    from tools.cli.target import Target

DAY = date(2026, 11, 20)


def looked(untold: dict[int, int]) -> DayReport:
    summary = SummaryReport(dispatched_at=None, recipients=0, sent=0, rejected=0, claimed={})
    return DayReport(day=DAY, changes=6, untold=untold, recorded=100, summary=summary)


def test_what_was_told_while_the_queues_ran_dry_is_not_shown_as_untold(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([looked({3: 1}), looked({})])
    monkeypatch.setattr(day_progress, "report_day", lambda *_: next(looks))
    monkeypatch.setattr(day_progress, "is_idle", lambda *_: True)
    show = Live(console=Console(file=io.StringIO()))
    report = day_progress.watch_changes(cast("Target", object()), DAY, 6, show, timeout_s=1)
    assert report.untold == {}
