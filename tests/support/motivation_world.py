"""notify_change and send_summaries in virtual time, over the fakes: what LINE was told, and where everything went."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from tests.support.motivations import MemoryMotivations, People
from tests.support.sends import World
from yomawari.adapters.sqs_fake import AsyncQueueFake
from yomawari.domain.motivations import ChangeKind, ChangerGone
from yomawari.messages import MotivationChanged, SummaryChunk, TargetsRecorded
from yomawari.usecases.follow_up import Sent
from yomawari.usecases.notify_change import NotifyChange
from yomawari.usecases.record_targets import RecordTargets
from yomawari.usecases.send_summaries import SendSummaries

T = TypeVar("T")
CHANGER = 900_000
HISTORY = 70


async def aside(work: Callable[[], T]) -> T:
    return work()


class MotivationWorld:
    """The changer is person 900,000, with histories 70 of both kinds; tenants 1 (Japanese) and 2 (English, 50/s)."""

    def __init__(self, line: World | None = None) -> None:
        self.world = line or World()
        self.world.tokens.tokens = {1: "one", 2: "two"}
        self.stores = MemoryMotivations()
        self.people = People(self.stores)
        self.people.person(CHANGER)
        for kind in ("job_change", "side_job"):
            self.stores.add_history(kind, HISTORY, CHANGER, "active", self.now())
        self.queue, self.dead, self.writes = AsyncQueueFake(), AsyncQueueFake(), AsyncQueueFake()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.world.now_us / 1e6, UTC)

    def later(self, **passed: float) -> None:
        """Let time pass."""
        self.world.now_us += int(timedelta(**passed).total_seconds() * 1e6)

    def event(self, kind: ChangeKind = "job_change", **fields: object) -> MotivationChanged:
        content = {"kind": kind, "history_id": HISTORY, "user_id": CHANGER, "occurred_at": self.now(), **fields}
        return MotivationChanged.model_validate(content)

    def notify(self, event: MotivationChanged | None = None, within_s: float = 50) -> Sent | ChangerGone:
        """One visit of notify_change."""
        use = NotifyChange(
            store=self.stores.notifications,
            multicast=self.world.multicasting(),
            changes=self.queue,
            dead_letters=self.dead,
            writes=self.writes,
            aside=aside,
            clock=self.world.clock,
            random=lambda: 0.5,
        )
        return self.world.visit(use(event or self.event(), self.world.now_us + int(within_s * 1e6)))

    def send(self, chunk: SummaryChunk, within_s: float = 50) -> Sent:
        """One visit of send_summaries."""
        use = SendSummaries(
            store=self.stores.deliveries,
            push=self.world.pushing(),
            summaries=self.queue,
            dead_letters=self.dead,
            aside=aside,
            clock=self.world.clock,
            random=lambda: 0.5,
        )
        return self.world.visit(use(chunk, self.world.now_us + int(within_s * 1e6)))

    def recorded(self) -> set[int]:
        """Have the writer record what was handed to it; everybody who is recorded as told about the job change."""
        record = RecordTargets(self.stores.targets, self.now)
        record([TargetsRecorded.model_validate_json(message.body) for message in self.writes.sent])
        return {user_id for kind, _, user_id in self.stores.recorded() if kind == "job_change"}

    def came_back(self) -> list[MotivationChanged]:
        """What lies on the queue of changes."""
        return [MotivationChanged.model_validate_json(message.body) for message in self.queue.sent]

    def given_up(self) -> list[tuple[int | None, str | None]]:
        """(tenant, reason) of the changes in the dead-letter queue."""
        events = [MotivationChanged.model_validate_json(message.body) for message in self.dead.sent]
        assert [message.attributes for message in self.dead.sent] == [{"reason": event.reason} for event in events]
        assert all(event.attempt == 1 for event in events)
        return [(event.tenant_id, event.reason) for event in events]

    def texts(self) -> dict[str, list[str]]:
        """What each LINE user id was told."""
        return {one: list(texts) for one, texts in self.world.line.texts.items()}
