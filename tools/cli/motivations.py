"""Emitting changes, starting a summary, and asking how far a day has come."""

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from tools.cli.runs import RunError, ask_status
from tools.cli.target import Target
from tools.local_stack import StackState
from yomawari.adapters.mysql.connection import from_utc
from yomawari.domain.days import DayReport
from yomawari.domain.motivations import ChangeKind
from yomawari.domain.runs import TOKYO
from yomawari.domain.summaries import require_closed
from yomawari.messages import MotivationChanged

SOURCE: Final = "yomawari.application"
KINDS: Final[tuple[ChangeKind, ...]] = ("job_change", "side_job")
_EVENTS_AT_ONCE: Final = 10
_UNTOLD: Final = """
SELECT h.id, h.user_id, h.changed_at FROM user_{kind}_motivation_histories h
LEFT JOIN motivation_audiences a ON a.kind = '{kind}' AND a.history_id = h.id
WHERE a.history_id IS NULL ORDER BY h.id DESC LIMIT %s
"""


def today() -> date:
    """In Asia/Tokyo."""
    return datetime.now(TOKYO).date()


def pick_changes(stack: StackState, count: int) -> list[MotivationChanged]:
    """The latest seeded changes that nobody was told about, half of them of each kind.

    Raises:
        RunError: there are not so many.
    """
    picked: list[MotivationChanged] = []
    with stack.database.connect() as connection, connection.cursor() as cursor:
        connection.select_db(stack.database.name)
        for kind in KINDS:
            cursor.execute(_UNTOLD.format(kind=kind), (count - count // 2 if kind == "job_change" else count // 2,))
            picked += [
                MotivationChanged(kind=kind, history_id=history_id, user_id=user_id, occurred_at=from_utc(changed_at))
                for history_id, user_id, changed_at in cursor.fetchall()
            ]
    if len(picked) < count:
        raise RunError(f"there are only {len(picked)} changes that nobody was told about; `yomawari seed` makes them")
    return picked


def emit(target: Target, changes: Sequence[MotivationChanged]) -> None:
    """Put changes on the application's bus, as the application does.

    Raises:
        RunError: the bus did not take some.
    """
    events, bus = target.client("events"), target.outputs["BusName"]
    for first in range(0, len(changes), _EVENTS_AT_ONCE):
        entries = [
            {
                "EventBusName": bus,
                "Source": SOURCE,
                "DetailType": "MotivationChanged",
                "Detail": change.model_dump_json(exclude_defaults=True),
            }
            for change in changes[first : first + _EVENTS_AT_ONCE]
        ]
        if refused := events.put_events(Entries=entries)["FailedEntryCount"]:
            raise RunError(f"the bus refused {refused} changes")


def start_summary(target: Target, day: date) -> None:
    """Start the summary of a day as the schedule of the next morning does. It goes on without this command.

    On a local stack, where nobody waits for the morning, also that of a day which is still open.

    Raises:
        DayStillOpenError: the day's record is not closed yet; nothing was started.
    """
    start: dict[str, str | bool] = {"scheduled_time": f"{day + timedelta(days=1)}T08:00:00+09:00"}
    if target.local is None:
        require_closed(day, datetime.now(TOKYO))  # dispatch_summaries would refuse it too, but nobody reads its answer
    else:
        start |= {"even_open": True}
    target.client("lambda").invoke(
        FunctionName=target.outputs["DispatchSummariesFunction"],
        InvocationType="Event",
        Payload=json.dumps(start),
    )


def report_day(target: Target, day: date) -> DayReport:
    """How far a day's notifications and their summary have come.

    Raises:
        RunError: report_status failed.
    """
    return DayReport.model_validate(ask_status(target, {"day": day.isoformat()}))


def is_idle(target: Target, *queues: str) -> bool:
    """Whether nothing is on these queues, shown, hidden or delayed."""
    sqs = target.client("sqs")
    names = [f"ApproximateNumberOfMessages{one}" for one in ("", "NotVisible", "Delayed")]
    attributes = (
        sqs.get_queue_attributes(QueueUrl=target.outputs[f"{queue}Url"], AttributeNames=names)["Attributes"]
        for queue in queues
    )
    return not any(int(number) for one in attributes for number in one.values())
