"""``GET /v2/bot/message/quota`` and ``/quota/consumption``: how much may be sent this month, and how much was."""

from typing import Final

from tools.line_double.answers import Answer
from tools.line_double.app.endpoint import Endpoint
from tools.line_double.channels import Channel
from tools.line_double.request import Request
from tools.line_double.request_ids import RequestIds

_PATH: Final = "/v2/bot/message/quota"


def _quota(_request: Request, channel: Channel, _request_ids: RequestIds) -> Answer:
    limit = channel.sends.limit
    return Answer.of_json(200, {"type": "none"} if limit is None else {"type": "limited", "value": limit})


def _consumption(_request: Request, channel: Channel, _request_ids: RequestIds) -> Answer:
    return Answer.of_json(200, {"totalUsage": channel.sends.used})


ENDPOINTS: Final = (
    Endpoint(name="quota", method="GET", path=_PATH, answer=_quota),
    Endpoint(name="consumption", method="GET", path=f"{_PATH}/consumption", answer=_consumption),
)
