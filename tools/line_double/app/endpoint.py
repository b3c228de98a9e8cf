"""What an endpoint of LINE is to the double."""

from collections.abc import Callable
from dataclasses import dataclass

from tools.line_double.answers import Answer
from tools.line_double.channels import Channel
from tools.line_double.request import Request
from tools.line_double.request_ids import RequestIds


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint: its name in reports and limits, where it is, and how it answers a call that was let through.

    ``path`` ends with a slash when one more segment (an id) follows it. ``limit_share`` is its part of the double's
    ``limit_per_s`` (LINE gives multicast a tenth of what it gives the others).
    """

    name: str
    method: str
    path: str
    answer: Callable[[Request, Channel, RequestIds], Answer]
    takes_retry_key: bool = False
    limit_share: float = 1.0

    def matches(self, path: str) -> bool:
        """Whether a request's path (without its query) is this endpoint's."""
        if not self.path.endswith("/"):
            return path == self.path
        return path.startswith(self.path) and "/" not in path[len(self.path) :]
