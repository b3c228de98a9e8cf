"""``POST /v2/bot/message/validate/{push|multicast}``: would these messages be taken? Nothing is sent."""

from typing import Final

from tools.line_double.answers import Answer
from tools.line_double.app import message_bodies
from tools.line_double.app.endpoint import Endpoint
from tools.line_double.channels import Channel
from tools.line_double.request import Request
from tools.line_double.request_ids import RequestIds


def answer(request: Request, _channel: Channel, _request_ids: RequestIds) -> Answer:
    """200 with an empty object, or the 400 that sending these messages would get."""
    content = message_bodies.read(request)
    return content if isinstance(content, Answer) else Answer.of_json(200, {})


ENDPOINTS: Final = tuple(
    Endpoint(name=f"validate_{kind}", method="POST", path=f"/v2/bot/message/validate/{kind}", answer=answer)
    for kind in ("push", "multicast")
)
