"""The sending side of one channel: the retry keys it has accepted, the month's quota, and who was sent what."""

import hashlib
from collections import Counter
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict

RETRY_KEY_LIVES_US: Final = 24 * 3600 * 1_000_000
DELIVERIES_KEPT: Final = 1_000
"""Per recipient; those beyond are counted and not kept."""


class SendRules(BaseModel):
    """How the sending side behaves where LINE's documents leave it open.

    Attributes:
        names_recipients: whether a 400 of multicast names the bad recipient's index, or nothing.
        refuses_foreign: whether an id that does not exist for the channel is a 400, or a 200 that reaches nobody;
            LINE's documents say both.
        clock_offset_s: by how much the age of retry keys is pushed on, so that a test need not wait for 24 hours.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    names_recipients: bool = True
    refuses_foreign: bool = True
    clock_offset_s: float = 0.0


class SendRequest(NamedTuple):
    """One request to send, before it is accepted; the retry key is None when it has none."""

    endpoint: str
    request_id: bytes
    retry_key: str | None
    arrived_us: int


class Acceptance(NamedTuple):
    """What is remembered of a retry key: when it was first accepted, under which request id, with which messages."""

    at_us: int
    request_id: bytes
    sent_messages: list[dict[str, str]]


class Delivery(NamedTuple):
    """One text that was accepted for one recipient; not delivered when the recipient is no friend of the account."""

    endpoint: str
    text: str
    request_id: str
    retry_key: str | None
    is_delivered: bool


def text_digest(text: str) -> str:
    """What stands for a text in the compact report: 16 hex digits."""
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest()


class Sends:
    """What a channel has been asked to send."""

    __slots__ = ("_keys", "_texts", "dropped", "foreign", "limit", "mailboxes", "requests", "rules", "used")

    def __init__(self, rules: SendRules) -> None:
        self.rules = rules
        self.limit: int | None = None
        self.used = 0
        self.foreign: frozenset[str] = frozenset()
        self._keys: dict[str, Acceptance] = {}
        self.clear_record()

    def clear_record(self) -> None:
        """Forget who was sent what; retry keys, quota and what was used of it stay."""
        self.mailboxes: dict[str, list[Delivery]] = {}  # by LINE user id, in the order of acceptance
        self._texts: dict[str, str] = {}
        self.requests: Counter[str] = Counter()
        self.dropped = 0

    def accepted(self, retry_key: str | None, now_us: int) -> Acceptance | None:
        """The acceptance that blocks this retry key now, None when the request is a new one."""
        known = None if retry_key is None else self._keys.get(retry_key.lower())
        return known if known is not None and self._aged(now_us) < known.at_us + RETRY_KEY_LIVES_US else None

    def has_quota_for(self, recipients: int) -> bool:
        """Whether the month's quota covers so many more recipients; one that is used up covers not even none."""
        return self.limit is None or (self.used < self.limit and self.used + recipients <= self.limit)

    def accept(self, asked: SendRequest, texts: list[str], recipients: dict[str, bool]) -> Acceptance:
        """Accept texts for these recipients (LINE user id: whether it reaches them) and burn the retry key.

        The quota is used by recipients reached, whatever the number of messages.
        """
        endpoint, request_id, retry_key, arrived_us = asked
        sent = [{"id": f"{int(request_id[-12:], 16):012d}{place:06d}"} for place in range(len(texts))]
        acceptance = Acceptance(self._aged(arrived_us), request_id, sent)
        if retry_key is not None:
            self._keys[retry_key.lower()] = acceptance
        self.requests[endpoint] += 1
        self.used += sum(recipients.values())
        for text in texts:
            kept = self._texts.setdefault(text, text)
            by_reach = [Delivery(endpoint, kept, request_id.decode(), retry_key, reached) for reached in (False, True)]
            for line_user_id, is_reached in recipients.items():
                self._keep(line_user_id, by_reach[is_reached])
        return acceptance

    def _keep(self, line_user_id: str, delivery: Delivery) -> None:
        mailbox = self.mailboxes.setdefault(line_user_id, [])
        if len(mailbox) < DELIVERIES_KEPT:
            mailbox.append(delivery)
        else:
            self.dropped += 1

    def _aged(self, now_us: int) -> int:
        return now_us + int(self.rules.clock_offset_s * 1_000_000)

    def tally(self) -> dict[str, Any]:
        """The counts; see ``control_client.SendsReport``."""
        return {
            "requests": dict(self.requests),
            "recipients": len(self.mailboxes),
            "deliveries": sum(map(len, self.mailboxes.values())),
            "dropped": self.dropped,
            "limit": self.limit,
            "used": self.used,
        }

    def digests(self) -> dict[str, list[str]]:
        """The mailboxes as digests of the texts only: 60 bytes for a recipient of one message."""
        digest_of = {text: text_digest(text) for text in self._texts}
        return {
            line_user_id: [digest_of[delivery.text] for delivery in mailbox]
            for line_user_id, mailbox in self.mailboxes.items()
        }
