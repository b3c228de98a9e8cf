"""``GET /v2/bot/profile/{userId}``: the call of the nightly round."""

from typing import Final

from tools.line_double.answers import INVALID_USER_ID, NOT_FOUND, Answer
from tools.line_double.app.endpoint import Endpoint
from tools.line_double.channels import Channel
from tools.line_double.request import Request
from tools.line_double.request_ids import RequestIds

_PATH: Final = "/v2/bot/profile/"


def answer(request: Request, channel: Channel, _request_ids: RequestIds) -> Answer:
    """200 with the profile of a friend; 404 for anybody else, whatever the cause; 400 for a malformed id."""
    line_user_id = request.path[len(_PATH) :]
    status = channel.profile_status(line_user_id)
    if status == 200:
        text = f'{{"displayName":"Seeker {line_user_id[-6:]}","userId":"{line_user_id}","language":"ja"}}'
        return Answer(200, text.encode())
    return NOT_FOUND if status == 404 else INVALID_USER_ID


ENDPOINT: Final = Endpoint(name="profile", method="GET", path=_PATH, answer=answer)
