"""What can be made to go wrong, and the decision whether it does for one call."""

from enum import Enum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]


class Fault(Enum):
    """A fault that strikes a share of the calls."""

    SERVER_ERROR = "server_error"
    CUT = "cut"
    CUT_CONNECTION = "cut_connection"
    NEVER_ANSWER = "never_answer"
    HTML_400 = "html_400"
    HTML_200 = "html_200"
    LOST_ANSWER = "lost_answer"


class OutageMode(Enum):
    """How an outage shows: 503 for every call, or no answer to any."""

    UNAVAILABLE = "unavailable"
    SILENT = "silent"


class Faults(BaseModel):
    """The faults of one channel, or of all: shares of the calls (0 to 1, together at most 1) and standing states.

    A cut is a TCP reset over HTTP/1.1 and an RST_STREAM of that stream over HTTP/2; ``cut_connection_share`` kills the
    TCP connection, with every call in flight on it, over both. All of these strike before LINE looks at the call, but
    for ``lost_answer_share``: LINE does what it was asked (accepts a message, say), and the answer is cut.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    server_error_share: Share = 0.0
    cut_share: Share = 0.0
    cut_connection_share: Share = 0.0
    never_answer_share: Share = 0.0
    html_400_share: Share = 0.0
    html_200_share: Share = 0.0
    lost_answer_share: Share = 0.0
    unauthorized: bool = False
    forbidden: bool = False

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        if sum(share for share, _ in self._shares()) > 1 + 1e-9:
            raise ValueError("the shares of the faults add up to more than 1")
        return self

    def _shares(self) -> list[tuple[float, Fault]]:
        return [(getattr(self, f"{fault.value}_share"), fault) for fault in Fault]

    def ladder(self) -> tuple[tuple[float, Fault], ...]:
        """The shares stacked upon one another: (upper bound, fault) for each that can strike, in a fixed order."""
        bound = 0.0
        steps = []
        for share, fault in self._shares():
            bound += share
            if share > 0:
                steps.append((bound, fault))
        return tuple(steps)


def struck_by(ladder: tuple[tuple[float, Fault], ...], draw: float) -> Fault | None:
    """The fault that a draw from [0, 1) means, None when the call is spared."""
    for bound, fault in ladder:
        if draw < bound:
            return fault
    return None
