"""How far the notifications of a day, in Asia/Tokyo, and their summary have come."""

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict


class SummaryReport(BaseModel):
    """A day's summary.

    Attributes:
        dispatched_at: when its last dispatch was done; None while none was.
        recipients: to how many people it was dispatched.
        sent: how many of them LINE accepted theirs for.
        rejected: how many LINE does not know.
        claimed: by tenant, for how many nobody knows yet whether LINE has theirs.
    """

    model_config = ConfigDict(frozen=True)

    dispatched_at: datetime | None = None
    recipients: int = 0
    sent: int = 0
    rejected: int = 0
    claimed: dict[int, int] = {}

    @property
    def is_done(self) -> bool:
        """Whether it was dispatched and everybody is settled; a later dispatch may reach fewer people than before."""
        return self.dispatched_at is not None and self.sent + self.rejected >= self.recipients


class DayReport(BaseModel):
    """The changes that were taken up on a day, and the summary of what was recorded on it.

    Attributes:
        changes: how many were taken up.
        untold: by tenant, how many of them are not told yet to everybody on its channel.
        recorded: targets, each person once for each change that LINE accepted.
        summary: of this day, sent on the next one.
    """

    model_config = ConfigDict(frozen=True)

    day: date
    changes: int = 0
    untold: dict[int, int] = {}
    recorded: int = 0
    summary: SummaryReport = SummaryReport()
