"""A day of changes and the morning after it: the real handlers on real SQS, DynamoDB, MySQL and the LINE double.

`tests/component/conftest.py` takes the fixture from here.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.motivations import MySqlMotivations, line_id
from tests.support.night import PATIENCE_S, Night
from tests.support.pump import Context
from yomawari.domain.days import DayReport
from yomawari.domain.motivations import ChangeKind
from yomawari.domain.runs import TOKYO
from yomawari.messages import MotivationChanged

CHANGER = 900_000
HISTORY = 70
CHANNELS = {1: "ja", 2: "en"}


class MotivationDay:
    """Tenants 1 (Japanese) and 2 (English); person 900,000 has changed both motivations, and all others hear of it."""

    def __init__(self, night: Night) -> None:
        self.night = night
        self.tables = MySqlMotivations(night.database)
        for tenant_id, language in CHANNELS.items():
            self.tables.add_tenant(tenant_id, "ja" if language == "ja" else "en")
            night.put_token(tenant_id)
        self.tables.add_user(CHANGER, "佐藤 花子")
        for kind in ("job_change", "side_job"):
            self.add_change(kind, HISTORY)

    @property
    def day(self) -> str:
        """Today in Asia/Tokyo."""
        return datetime.now(TOKYO).date().isoformat()

    def add_change(self, kind: ChangeKind, history_id: int) -> None:
        """The changer changes again."""
        self.tables.add_history(kind, history_id, CHANGER, "active", datetime.now(UTC))

    def add_people(self, *user_ids: int) -> dict[str, int]:
        """The odd ones are friends of tenant 1's channel, the even ones of tenant 2's; users by LINE id."""
        made = {}
        for user_id in user_ids:
            tenant_id = 2 - user_id % 2
            self.tables.add_user(user_id, f"person {user_id}")
            self.tables.add_entry(tenant_id * 1_000_000 + user_id, tenant_id, user_id)
            self.tables.connect(user_id, CHANGER)
            made[line_id(tenant_id * 1_000_000 + user_id)] = user_id
        for tenant_id in CHANNELS:
            friends = {one: True for one, user_id in made.items() if 2 - user_id % 2 == tenant_id}
            self.night.befriend(tenant_id, friends)
        return made

    def emit(self, kind: ChangeKind = "job_change", history_id: int = HISTORY, **fields: Any) -> None:
        """Put a change where the rule puts it."""
        content = {"kind": kind, "history_id": history_id, "user_id": CHANGER, "occurred_at": datetime.now(UTC)}
        self.put("MotivationChanges", MotivationChanged.model_validate(content | fields).model_dump_json())

    def put(self, queue: str, body: str) -> None:
        """Put a message on a queue."""
        self.night.stack.sqs.send_message(QueueUrl=self.night.stack.url(queue), MessageBody=body)

    def dispatch(self) -> dict[str, Any]:
        """Let the schedule of tomorrow fire, whose summary is of today, without waiting for the morning."""
        start = {"scheduled_time": f"{self.day}T23:00:00Z", "even_open": True}  # 08:00 of the next day in Tokyo
        return self.night.container.invoke("DispatchSummaries", start, Context(900))

    def drain(self) -> None:
        """Pump every queue until nothing is left on them, delayed or not."""
        night, deadline_s = self.night, time.monotonic() + PATIENCE_S
        while any(map(night.stack.waiting, ("MotivationChanges", "Writes", "Summaries"))):
            assert time.monotonic() < deadline_s
            if not night.changes.once() + night.writes.once() + night.summaries.once():
                time.sleep(0.05)

    def told(self) -> dict[int, list[str]]:
        """What the double accepted for each person, by user, in order; asserts that all of it was delivered."""
        told: dict[int, list[str]] = {}
        for tenant_id in CHANNELS:
            for one, deliveries in self.night.double.control.deliveries(str(tenant_id)).items():
                assert all(delivery.is_delivered for delivery in deliveries)
                told[int(one[1:], 16) - tenant_id * 1_000_000] = [delivery.text for delivery in deliveries]
        return told

    def recorded(self) -> set[tuple[str, int, int]]:
        """(kind, history, user) of every target."""
        return set(self.tables.recorded())

    def report(self) -> DayReport:
        """Today, as `status` gives it."""
        return DayReport.model_validate(self.night.container.invoke("ReportStatus", {"day": self.day}))


@pytest.fixture
def motivation_day(night: Night) -> Iterator[MotivationDay]:
    """The day with its changer; nobody hears of it yet."""
    made = MotivationDay(night)
    yield made
    made.tables.close()
