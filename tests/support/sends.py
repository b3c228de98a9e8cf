"""The sending use cases in virtual time: everything around them, and what LINE was told."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from tests.support.virtual_time import START_S, VirtualTimeLoop, run
from yomawari.adapters.gate_fake import GateFake
from yomawari.adapters.line_messages_fake import LineMessagesFake, Trouble
from yomawari.adapters.ssm_fake import TokensFake
from yomawari.domain.sends import SendAnswer
from yomawari.usecases.multicasting import Multicasting
from yomawari.usecases.parcels import Told
from yomawari.usecases.pushing import Pushing

TENANT = 7
PARTS = ("job_change", 12)
T = TypeVar("T")


def line_user_id(number: int) -> str:
    return f"U{number:032x}"


def users(count: int) -> list[tuple[int, str]]:
    return [(number, line_user_id(number)) for number in range(1, count + 1)]


class TimedMessages(LineMessagesFake):
    """Notes when each call came in."""

    def __init__(self, trouble: Trouble, clock: Callable[[], int]) -> None:
        super().__init__(trouble)
        self._clock = clock
        self.arrivals: list[int] = []

    async def _send(self, token: str, to: tuple[str, ...], text: str, retry_key: UUID) -> SendAnswer:
        self.arrivals.append(self._clock())
        return await super()._send(token, to, text, retry_key)


@dataclass
class World:
    """Lives on from visit to visit: LINE, the gate and the time go on, the worker is a new one each time."""

    trouble: Trouble = lambda _token, _key, _call: None
    tokens: TokensFake = field(default_factory=lambda: TokensFake({TENANT: "t"}))
    gate: GateFake = field(default_factory=GateFake)
    now_us: int = int(START_S * 1e6)
    rate_per_s: int | None = None

    def __post_init__(self) -> None:
        self.line = TimedMessages(self.trouble, self.clock)

    def clock(self) -> int:
        return self.now_us

    def multicast(self, recipients: list[tuple[int, str]], text: str = "hello", within_s: float = 60) -> Told:
        return self.visit(
            self.multicasting().send(
                TENANT, self.rate_per_s, recipients, text, PARTS, self.now_us + int(within_s * 1e6)
            )
        )

    def push(self, messages: list[tuple[int, str, str]], within_s: float = 60) -> Told:
        return self.visit(
            self.pushing().push_all(TENANT, self.rate_per_s, messages, PARTS, self.now_us + int(within_s * 1e6))
        )

    def multicasting(self) -> Multicasting:
        return Multicasting(
            gate=self.gate, messages=self.line, tokens=self.tokens, clock=self.clock, random=lambda: 0.5
        )

    def pushing(self) -> Pushing:
        return Pushing(gate=self.gate, messages=self.line, tokens=self.tokens, clock=self.clock, random=lambda: 0.5)

    def visit(self, main: Coroutine[Any, Any, T]) -> T:
        return run(main, _Clocked(self))


class _Clocked(VirtualTimeLoop):
    """Begins when the world's last visit ended, and keeps its clock."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self.jump(world.now_us / 1e6 - START_S)

    def jump(self, seconds: float) -> None:
        super().jump(seconds)
        self._world.now_us = self.now_us()


def everyone(told: Told) -> list[int]:
    """Each user once for each list they are in."""
    return sorted(told.accepted + told.rejected + told.unsent + told.unanswered)
