"""``GET /v2/bot/followers/ids``: who has added the account and not blocked it, page by page; verified accounts only."""

from typing import Final
from urllib.parse import parse_qs

from tools.line_double import answers
from tools.line_double.answers import Answer
from tools.line_double.app.endpoint import Endpoint
from tools.line_double.channels import Channel
from tools.line_double.followers import MOST_PER_PAGE, USUAL_PER_PAGE
from tools.line_double.request import Request
from tools.line_double.request_ids import RequestIds

_INVALID_START: Final = Answer.of_message(400, "Invalid start param")
_INVALID_LIMIT: Final = Answer.of_message(400, "The value for the 'limit' parameter is invalid")


def answer(request: Request, channel: Channel, _request_ids: RequestIds) -> Answer:
    """200 with a page; 403 for an account that is not verified; 400 for a limit or a start that cannot be."""
    followers = channel.followers
    if followers.is_forbidden():
        return answers.FORBIDDEN
    asked = parse_qs(request.path.partition("?")[2])
    limit = asked.get("limit", [str(USUAL_PER_PAGE)])[-1]
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit) <= MOST_PER_PAGE):
        return _INVALID_LIMIT
    page = followers.page(int(limit), asked.get("start", [None])[-1], request.arrived_us)
    if page is None:
        return _INVALID_START
    content: dict[str, object] = {"userIds": page.line_user_ids}
    return Answer.of_json(200, content if page.next is None else content | {"next": page.next})


ENDPOINT: Final = Endpoint(name="followers", method="GET", path="/v2/bot/followers/ids", answer=answer)
