"""``POST /v2/bot/message/multicast``: messages for up to 500 people, all of them or none; 200 whomever they reach."""

from typing import Any, Final

from tools.line_double import answers
from tools.line_double.answers import Answer
from tools.line_double.app import message_bodies
from tools.line_double.app.endpoint import Endpoint
from tools.line_double.app.sending import Sending
from tools.line_double.channels import Channel
from tools.line_double.sends import Sends
from tools.line_double.truth import is_line_user_id

MOST_RECIPIENTS: Final = 500


def _recipients(content: dict[str, Any], channel: Channel) -> list[str] | Answer:
    """Names the first bad recipient, or none, as the rules say."""
    to = content.get("to")
    if not isinstance(to, list) or not 1 <= len(to) <= MOST_RECIPIENTS:
        return message_bodies.refusal([(f"Size must be between 1 and {MOST_RECIPIENTS}", "to")])
    sends = channel.sends
    for place, one in enumerate(to):
        if not _is_known(one, sends):
            if not sends.rules.names_recipients:
                return answers.FAILED_TO_SEND
            return Answer.of_message(
                400, f"The property, to[{place}], in the request body is invalid (line: -, column: -)"
            )
    return to


def _is_known(one: object, sends: Sends) -> bool:
    if not isinstance(one, str) or not is_line_user_id(one):
        return False
    return not (sends.rules.refuses_foreign and one in sends.foreign)


ENDPOINT: Final = Endpoint(
    name="multicast",
    method="POST",
    path="/v2/bot/message/multicast",
    answer=Sending("multicast", _recipients, lambda _accepted: {}).answer,
    takes_retry_key=True,
    limit_share=0.1,
)
