"""``POST /v2/bot/message/push``: messages for one person; 200 whether or not they reach them."""

from typing import Any, Final

from tools.line_double import answers
from tools.line_double.answers import Answer
from tools.line_double.app.endpoint import Endpoint
from tools.line_double.app.sending import Sending
from tools.line_double.channels import Channel
from tools.line_double.sends import Acceptance
from tools.line_double.truth import is_line_user_id

_BAD_TO: Final = Answer.of_message(400, "The property, 'to', in the request body is invalid (line: -, column: -)")


def _recipients(content: dict[str, Any], channel: Channel) -> list[str] | Answer:
    to = content.get("to")
    if not isinstance(to, str) or not is_line_user_id(to):
        return _BAD_TO
    if channel.sends.rules.refuses_foreign and to in channel.sends.foreign:
        return answers.FAILED_TO_SEND
    return [to]


def _contents(accepted: Acceptance) -> dict[str, Any]:
    return {"sentMessages": accepted.sent_messages}


ENDPOINT: Final = Endpoint(
    name="push",
    method="POST",
    path="/v2/bot/message/push",
    answer=Sending("push", _recipients, _contents).answer,
    takes_retry_key=True,
)
