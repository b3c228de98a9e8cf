"""What LINE checks in the body of a request that sends messages, and how it words what is wrong with it."""

import json
from typing import Any, Final

from tools.line_double import answers
from tools.line_double.answers import Answer
from tools.line_double.request import Request

MOST_BODY_BYTES: Final = 2 * 1024 * 1024
MOST_MESSAGES: Final = 5
MOST_TEXT_UNITS: Final = 5_000
MESSAGE_TYPES: Final = (
    *("text", "textV2", "sticker", "image", "video", "audio"),
    *("location", "imagemap", "template", "flex", "coupon"),
)

Problem = tuple[str, str]
"""(message, property)"""


def read(request: Request) -> dict[str, Any] | Answer:
    """The body as a JSON object in which all is right but for the recipients, or LINE's refusal of it."""
    if len(request.body) > MOST_BODY_BYTES:
        return answers.TOO_LARGE
    if not request.headers.fields.get("content-type", "").startswith("application/json"):
        return answers.NOT_JSON
    try:
        content = json.loads(request.body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        return Answer.of_message(400, "The request body could not be parsed as JSON (line: 1, column: 1)")
    found = _problems(content)
    return refusal(found) if found else content


def _problems(content: dict[str, Any]) -> list[Problem]:
    """What is wrong with everything but the recipients; only text messages are looked into."""
    messages = content.get("messages")
    if not isinstance(messages, list) or not 1 <= len(messages) <= MOST_MESSAGES:
        return [(f"Size must be between 1 and {MOST_MESSAGES}", "messages")]
    found = [problem for place, message in enumerate(messages) for problem in _of_message(message, place)]
    if not isinstance(content.get("notificationDisabled", False), bool):
        found.append(("must be a boolean", "notificationDisabled"))
    units = content.get("customAggregationUnits", [])
    if not isinstance(units, list) or len(units) > 1:
        found.append(("Size must be between 0 and 1", "customAggregationUnits"))
    return found


def _of_message(message: object, place: int) -> list[Problem]:
    kind = message.get("type") if isinstance(message, dict) else None
    if not isinstance(message, dict) or kind not in MESSAGE_TYPES:
        return [(f"Must be one of the following values: [{', '.join(MESSAGE_TYPES)}]", f"messages[{place}].type")]
    if kind != "text":
        return []
    text = message.get("text")
    if not isinstance(text, str) or not text:
        return [("May not be empty", f"messages[{place}].text")]
    if len(text.encode("utf-16-le", "surrogatepass")) // 2 > MOST_TEXT_UNITS:  # LINE counts UTF-16 code units
        return [(f"Length must be between 0 and {MOST_TEXT_UNITS}", f"messages[{place}].text")]
    return []


def refusal(found: list[Problem]) -> Answer:
    """400 with every problem as a detail."""
    details = [{"message": message, "property": name} for message, name in found]
    return Answer.of_json(400, {"message": f"The request body has {len(found)} error(s)", "details": details})


def texts(content: dict[str, Any]) -> list[str]:
    """The text of each message; of one that is no text its type in brackets."""
    return [message["text"] if message["type"] == "text" else f"[{message['type']}]" for message in content["messages"]]
