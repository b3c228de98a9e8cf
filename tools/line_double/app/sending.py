"""What push and multicast have in common: retry keys, the body, the quota, and the record of what was accepted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tools.line_double import answers
from tools.line_double.answers import Answer
from tools.line_double.app import message_bodies
from tools.line_double.channels import Channel
from tools.line_double.request import Request
from tools.line_double.request_ids import RequestIds
from tools.line_double.sends import Acceptance, SendRequest


@dataclass(frozen=True, slots=True)
class Sending:
    """One way of sending.

    Attributes:
        endpoint: its name.
        recipients: whom a body is for, or LINE's refusal of them.
        contents: what the answer says of the messages accepted.
    """

    endpoint: str
    recipients: Callable[[dict[str, Any], Channel], list[str] | Answer]
    contents: Callable[[Acceptance], dict[str, Any]]

    def answer(self, request: Request, channel: Channel, request_ids: RequestIds) -> Answer:
        """All or nothing, and only a 200 burns the retry key.

        A key that was accepted within 24 hours is 409 whatever the body says now.
        """
        retry_key = request.headers.retry_key
        if retry_key is not None and not _is_uuid(retry_key):
            return answers.RETRY_KEY_INVALID
        before = channel.sends.accepted(retry_key, request.arrived_us)
        if before is not None:
            repeated = {"message": "The retry key is already accepted", **self.contents(before)}
            return Answer.of_repetition(repeated, before.request_id)
        content = message_bodies.read(request)
        if isinstance(content, Answer):
            return content
        recipients = self.recipients(content, channel)
        if isinstance(recipients, Answer):
            return recipients
        asked = SendRequest(self.endpoint, request_ids.draw(), retry_key, request.arrived_us)
        return self._accept(asked, message_bodies.texts(content), recipients, channel)

    def _accept(self, asked: SendRequest, texts: list[str], recipients: list[str], channel: Channel) -> Answer:
        sends = channel.sends
        reached = {one: one not in sends.foreign and channel.profile_status(one) == 200 for one in recipients}
        if not sends.has_quota_for(sum(reached.values())):
            return answers.QUOTA_REACHED
        return Answer.of_acceptance(self.contents(sends.accept(asked, texts, reached)), asked.request_id)


def _is_uuid(text: str) -> bool:
    """Whether this is a UUID in the one form that LINE documents, hexadecimal with dashes."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
