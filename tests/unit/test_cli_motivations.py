"""Starting a summary off the stack: of which days, and with what event."""

import json
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from tools.cli.motivations import start_summary, today
from yomawari.domain.runs import TOKYO
from yomawari.domain.summaries import DayStillOpenError

if TYPE_CHECKING:
    from tools.cli.target import Target


class FakeTarget:
    """dispatch_summaries, which only notes how it is started."""

    outputs = {"DispatchSummariesFunction": "dispatch"}  # noqa: RUF012

    def __init__(self, *, is_local: bool) -> None:
        self.local = "dev" if is_local else None
        self.started: list[dict[str, Any]] = []

    def client(self, _service: str) -> "FakeTarget":
        return self

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: str) -> None:  # noqa: N803 - boto3's names
        assert (FunctionName, InvocationType) == ("dispatch", "Event")
        self.started.append(json.loads(Payload))


def test_a_closed_day_is_started_as_its_schedule_does() -> None:
    target = FakeTarget(is_local=False)
    start_summary(cast("Target", target), date(2025, 11, 20))
    assert target.started == [{"scheduled_time": "2025-11-21T08:00:00+09:00"}]


def test_a_day_that_is_still_open_is_not_started_on_aws() -> None:
    target = FakeTarget(is_local=False)
    with pytest.raises(DayStillOpenError, match="is still open: it can be summed up from"):
        start_summary(cast("Target", target), today())
    assert target.started == []


def test_a_local_stack_does_not_wait_for_the_morning() -> None:
    target = FakeTarget(is_local=True)
    start_summary(cast("Target", target), today())
    tomorrow = datetime.now(TOKYO).date() + timedelta(days=1)
    assert target.started == [{"scheduled_time": f"{tomorrow}T08:00:00+09:00", "even_open": True}]
