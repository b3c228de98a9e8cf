"""Sweeps in virtual time: LINE's list, the queues and the tenant's rows live on, each visit has a new worker."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.rounds import NIGHT, RUN, MemoryRounds, Seeding, line_id
from tests.support.virtual_time import START_S, VirtualTimeLoop, run
from yomawari.adapters.gate_fake import GateFake
from yomawari.adapters.line_followers_fake import FollowersFake, Trouble
from yomawari.adapters.sqs_fake import AsyncQueueFake
from yomawari.adapters.ssm_fake import TokensFake
from yomawari.adapters.sweep_states_fake import SweepStatesFake
from yomawari.domain.followers import PageAnswer
from yomawari.messages import CheckResults, FollowerSweep, FriendCheckChunk
from yomawari.usecases.ports import Clock, Outgoing, Refused
from yomawari.usecases.sweep_followers import SweepFollowers, SweepQueues, Swept

BeforeCall = Callable[[int], None]

TENANT = 1
SWEEP = FollowerSweep(run_id=RUN, tenant_id=TENANT)
PROBING = SWEEP.model_copy(update={"probe": True})


class HurriedList(FollowersFake):
    """Notes when each call came in, and lets a test change the list just then."""

    def __init__(self, trouble: Trouble, clock: Clock, latency_s: float) -> None:
        super().__init__((), trouble, latency_s)
        self._clock = clock
        self.arrivals_us: list[int] = []
        self.before_call: BeforeCall = lambda _call: None

    async def page(self, token: str, limit: int, start: str | None) -> PageAnswer:
        self.arrivals_us.append(self._clock())
        self.before_call(len(self.arrivals_us))
        return await super().page(token, limit, start)


@dataclass
class World:
    """Tenant 1 with so many job seekers, all of them followers, dispatched in RUN."""

    seekers: int = 10
    trouble: Trouble = lambda _token, _call: None
    latency_s: float = 0.06
    tokens: TokensFake = field(default_factory=lambda: TokensFake({TENANT: "t"}))
    gate: GateFake = field(default_factory=GateFake)
    rounds: MemoryRounds = field(default_factory=MemoryRounds)
    states: SweepStatesFake = field(default_factory=SweepStatesFake)
    queues: SweepQueues = field(
        default_factory=lambda: SweepQueues(AsyncQueueFake(), AsyncQueueFake(), AsyncQueueFake(), AsyncQueueFake())
    )
    now_us: int = int(START_S * 1e6)

    def __post_init__(self) -> None:
        self.ids = Seeding(self.rounds).tenant(TENANT, self.seekers)
        Seeding(self.rounds).dispatched(RUN, {TENANT: self.seekers})
        self.line = HurriedList(self.trouble, lambda: self.now_us, self.latency_s)
        self.line.line_user_ids = [line_id(seeker_id) for seeker_id in self.ids]

    def sweep(self, sweep: FollowerSweep = SWEEP, within_s: float = 60) -> Swept:
        """One visit."""
        loop = VirtualTimeLoop()
        loop.jump(self.now_us / 1e6 - loop.time())

        def clock() -> int:
            self.now_us = max(self.now_us, loop.now_us())
            return self.now_us

        use_case = SweepFollowers(
            gate=self.gate,
            lists=self.line,
            tokens=self.tokens,
            store=self.rounds.sweeps,
            states=self.states,
            queues=self.queues,
            clock=clock,
            random=lambda: 0.5,
        )
        return run(use_case(sweep, self.now_us + int(within_s * 1e6)), loop)

    def sweep_on(self, within_s: float = 60) -> list[Swept]:
        """All visits until nothing is on the queue of sweeps, each after its delay."""
        visits = [self.sweep(within_s=within_s)]
        while sweeps := self.later():
            (message,) = self.sent("sweeps")
            self.sent("sweeps").clear()
            self.now_us += message.delay_s * 1_000_000
            visits.append(self.sweep(sweeps[0], within_s))
        return visits

    def sent(self, queue: str) -> list[Outgoing]:
        messages: list[Outgoing] = getattr(self.queues, queue).sent
        return messages

    def later(self) -> list[FollowerSweep]:
        return [FollowerSweep.model_validate_json(message.body) for message in self.sent("sweeps")]

    def dead(self) -> list[FollowerSweep]:
        return [FollowerSweep.model_validate_json(message.body) for message in self.sent("dead_letters")]

    def chunks(self) -> list[FriendCheckChunk]:
        return [FriendCheckChunk.model_validate_json(message.body) for message in self.sent("checks")]

    def results(self) -> list[CheckResults]:
        return [CheckResults.model_validate_json(message.body) for message in self.sent("writes")]

    def said(self) -> dict[int, str]:
        """What the results say of each job seeker; nobody stands in them twice."""
        said = [
            (seeker_id, outcome)
            for results in self.results()
            for outcome in ("friend", "not_friend", "invalid", "failed")
            for seeker_id in getattr(results, outcome)
        ]
        assert len(dict(said)) == len(said)
        return dict(said)

    def written(self) -> dict[int, str]:
        """The statuses, once a writer has taken the results."""
        for results in self.results():
            assert not isinstance(self.rounds.settle.settle(results), Refused)
        return {seeker_id: row.friend_status for (_, seeker_id), row in self.rounds.accounts().items()}

    def state(self) -> str:
        """How the run has ended."""
        self.written()
        event = self.rounds.end.end(RUN, NIGHT)
        return "running" if event is None else event.state
