"""What the use cases ask of the outside, as protocols, and the records that travel through them.

Unavailable: something outside is away for now; the work goes back to its queue and is tried again
└── GateUnavailable: the rate gate cannot be asked, so nobody may call LINE
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, TypeVar

from yomawari.domain.gate import Ahead, Closed, Leased
from yomawari.domain.outcomes import Answer
from yomawari.domain.runs import EndState, RunReport
from yomawari.domain.ways import Channel
from yomawari.messages import Announcement, CheckResults, ReleaseHold, RunCompleted, TenantHeld

T = TypeVar("T")


class Unavailable(Exception):  # noqa: N818 - named by what it says of the outside, like its subclasses
    """Something outside is away for now: nothing is wrong with the message, give it back to its queue."""


class GateUnavailable(Unavailable):
    """The rate gate cannot be asked, so nobody may call LINE (fail closed)."""


Clock = Callable[[], int]
"""The time in µs since the epoch."""


class Aside(Protocol):
    """Runs something that blocks beside the event loop: one at a time, in the order of the calls."""

    async def __call__(self, work: Callable[[], T]) -> T:  # noqa: D102 - the class says it
        ...


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way to a queue; `group` is SQS's MessageGroupId, which makes a standard queue fair."""

    body: str
    delay_s: int = 0
    group: str | None = None
    attributes: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class WaitingTenant:
    """A tenant of a run that is not wholly sent; `rate_per_s` None means the default rate."""

    tenant_id: int
    has_channel: bool
    rate_per_s: int | None
    channel: Channel = field(default_factory=Channel)


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom a check outside the round is about: a tenant's job seekers as in a night, or just these."""

    tenant_id: int
    seeker_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Settled:
    """What one result message changed, in rows: answers by outcome, newly failed ones, and failed ones now answered.

    `passed_over` are job seekers newly found to have no row that could be settled: deleted, or settled by a later run.
    `lost` are friends among the answers who are none any more; `hold` says that the bus does not know yet that the
    tenant's losses are held.
    """

    friend: int = 0
    not_friend: int = 0
    invalid: int = 0
    failed: int = 0
    recovered: int = 0
    passed_over: int = 0
    lost: int = 0
    hold: TenantHeld | None = None


@dataclass(frozen=True, slots=True)
class Released:
    """So many statuses were written; or so many losses dropped and statuses taken back. None if it was said before."""

    seekers: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that can never be applied; it belongs in the dead-letter queue, with this reason."""

    reason: str


Account = tuple[int, int, str]
"""(tenant id, job seeker id, LINE user id)"""


class Outbox(Protocol):
    """A queue to send to."""

    def send(self, messages: Sequence[Outgoing]) -> None:
        """Send all of them; when it raises, any of them may have been sent."""
        ...


class TokenNames(Protocol):
    """Which tenants have a channel access token, without reading any."""

    def tenants_with_token(self) -> set[int]:
        """The ids of the tenants that have one."""
        ...


class Bus(Protocol):
    """The event bus."""

    def announce(self, event: Announcement) -> None:
        """Tell the bus that a run or an import has ended, or a run differently, or that a tenant is held."""
        ...


class DispatchStore(Protocol):
    """A run's record while its chunks are sent. Every call is a transaction of its own."""

    def begin(self, run_id: int, now: datetime, scope: Scope | None = None) -> bool:
        """Write the run and its tenants (all, or that of the scope) down if they are not.

        False when all was dispatched before.
        """
        ...

    def waiting(self, run_id: int) -> list[WaitingTenant]:
        """The tenants that are neither skipped nor wholly sent, by id."""
        ...

    def askable(self, run_id: int, tenant_ids: Sequence[int]) -> dict[int, int]:
        """How many `accounts` would stream of each of these tenants that has any."""
        ...

    def named(self, scope: Scope) -> Generator[Account, None, None]:
        """Stream the job seekers that a scope names, by id, whatever is known of them."""
        ...

    def skip(self, run_id: int, tenant_id: int, reason: str) -> None:
        """Leave a tenant out of the run."""
        ...

    def accounts(self, run_id: int, tenant_ids: Sequence[int]) -> Generator[Account, None, None]:
        """Stream whom to ask, ordered by (tenant, job seeker).

        The same for a run however often it is read and whatever that run has settled meanwhile.
        """
        ...

    def sent(self, run_id: int, tenant_id: int, seekers: int, chunks: int | None) -> None:
        """All chunks of a tenant are on the queue; or its sweep is, with no number of `chunks`.

        Then `seekers` is a guess that ends nothing until the sweep has counted; its count, if it was faster, stays.
        """
        ...

    def all_sent(self, run_id: int, now: datetime) -> None:
        """All chunks of all tenants are on the queue: from here on the run can end."""
        ...

    def unjudged(self, run_id: int) -> list[int]:
        """The tenants whose answers had all come before they were known to be all; a writer must look once more."""
        ...


class SettleStore(Protocol):
    """Where the answers go."""

    def settle(self, results: CheckResults) -> Settled | Refused:
        """Apply one message in one transaction; applying it again, later or in another order changes nothing."""
        ...

    def release(self, release: ReleaseHold) -> Released | Refused:
        """Write a tenant's held losses; or drop them, and take back whom the run made invalid. Said again: nothing."""
        ...


class EndStore(Protocol):
    """How a run ends."""

    def end(self, run_id: int, now: datetime) -> RunCompleted | None:
        """End the run if nothing is missing; the event when the bus has not been told of this end yet."""
        ...

    def announced(self, run_id: int, state: EndState) -> None:
        """The bus has been told."""
        ...

    def hold_announced(self, hold: TenantHeld) -> None:
        """The bus has been told that this tenant is held."""
        ...


class ReportStore(Protocol):
    """Reads runs."""

    def report(self, run_id: int | Literal["latest"]) -> RunReport | None:
        """One run with its tenants; None when there is no such run."""
        ...


class RateGate(Protocol):
    """Grants the permits of every channel. Each call raises GateUnavailable when it cannot be asked."""

    async def lease(
        self, channel: str, permits: int, interval_us: int, now_us: int, horizon_us: int
    ) -> Leased | Ahead | Closed:
        """Take the next free slots of a channel (domain/gate.py)."""
        ...

    async def closed(self, channel: str, now_us: int) -> Closed | None:
        """Whether the channel is closed now."""
        ...

    async def close(self, channel: str, closed: Closed) -> None:
        """Close a channel for every worker."""
        ...

    async def penalize(self, channel: str, now_us: int) -> Closed:
        """Close a channel after a 429, for longer each time; closing a closed channel changes nothing."""
        ...


class Profiles(Protocol):
    """LINE's profile endpoint."""

    def ask(self, token: str, line_user_id: str, answered: Callable[[Answer], None]) -> None:
        """Ask about one person; `answered` is called exactly once, on the loop, and never before this returns."""
        ...


class Tokens(Protocol):
    """The channels' access tokens."""

    async def token(self, tenant_id: int) -> str | None:
        """The tenant's token; None when it has none. Raises Unavailable."""
        ...

    def forget(self, tenant_id: int) -> None:
        """Read it anew next time."""
        ...


class AsyncOutbox(Protocol):
    """A queue to send to, from the event loop."""

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Send all of them; when it raises Unavailable, any of them may have been sent."""
        ...
