"""LINE's sending endpoints in memory."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from yomawari.domain.outcomes import Unknown
from yomawari.domain.sends import (
    Accepted,
    AlreadyAccepted,
    BadRecipients,
    BadRequest,
    QuotaReached,
    SendAnswer,
)


@dataclass(frozen=True, slots=True)
class Lost:
    """LINE does what it was asked, and the answer is lost."""


Trouble = Callable[[str, UUID, int], SendAnswer | Lost | None]
"""From (token, retry key, which call this is): what goes wrong, None when nothing does."""


class LineMessagesFake:
    """Takes messages as LINE does: all or nothing, a retry key once in its life, within the quota.

    Attributes:
        trouble: what goes wrong with a call.
        texts: what each LINE user id was told, in order.
        calls: how often each retry key came in.
        recipients: of each call, in order.
        bad: LINE user ids that the channel does not know.
        names_recipients: whether a refusal names the first bad one.
        quota: recipients the channel may still reach; None without a limit.
    """

    def __init__(self, trouble: Trouble = lambda _token, _key, _call: None, latency_s: float = 0.06) -> None:
        self.trouble = trouble
        self._latency_s = latency_s
        self._accepted: set[UUID] = set()
        self.texts: defaultdict[str, list[str]] = defaultdict(list)
        self.calls: Counter[UUID] = Counter()
        self.recipients: list[tuple[str, ...]] = []
        self.bad: set[str] = set()
        self.names_recipients = True
        self.quota: int | None = None

    async def multicast(self, token: str, to: Sequence[str], text: str, retry_key: UUID) -> SendAnswer:
        """See LineMessages."""
        return await self._send(token, tuple(to), text, retry_key)

    async def push(self, token: str, to: str, text: str, retry_key: UUID) -> SendAnswer:
        """See LineMessages; LINE names nobody where there is one recipient."""
        answer = await self._send(token, (to,), text, retry_key)
        return BadRequest("400") if isinstance(answer, BadRecipients) else answer

    async def quota_left(self, token: str) -> int | None:
        """See LineMessages; one channel's."""
        del token
        return self.quota

    async def _send(self, token: str, to: tuple[str, ...], text: str, retry_key: UUID) -> SendAnswer:
        self.recipients.append(to)
        self.calls[retry_key] += 1
        trouble = self.trouble(token, retry_key, self.calls.total())
        answer = self._take(to, text, retry_key) if trouble is None or isinstance(trouble, Lost) else trouble
        await asyncio.sleep(self._latency_s)
        return Unknown("no answer: lost") if isinstance(trouble, Lost) else answer

    def _take(self, to: tuple[str, ...], text: str, retry_key: UUID) -> SendAnswer:
        if retry_key in self._accepted:
            return AlreadyAccepted()
        bad = [place for place, one in enumerate(to) if one in self.bad]
        if bad:
            return BadRecipients((bad[0],)) if self.names_recipients else BadRequest("400")
        if self.quota is not None:
            if self.quota < len(to):
                return QuotaReached()
            self.quota -= len(to)
        self._accepted.add(retry_key)
        for one in to:
            self.texts[one].append(text)
        return Accepted()
