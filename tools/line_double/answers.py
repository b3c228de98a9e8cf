"""An answer and the bytes that carry it, prepared once per (status, length, kind) for both protocols.

The headers are those LINE was seen to send with a profile's 404 (2025-07-25), with ``x-line-request-id`` on all.
"""

import json
from enum import Enum
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from tools.line_double.http2_encoding import Http2Head, encode_heads

_LINE_HEADERS: Final = (
    ("server", "legy"),
    ("cache-control", "no-cache, no-store, max-age=0, must-revalidate"),
    ("content-type", "application/json"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("x-xss-protection", "1; mode=block"),
)
_EDGE_HEADERS: Final = (("server", "AkamaiGHost"), ("content-type", "text/html"))
_ACCEPTED_REQUEST_ID: Final = "x-line-accepted-request-id"


class Deed(Enum):
    """What happens on the wire when an answer falls due."""

    SEND = "send"
    CUT = "cut"
    CUT_CONNECTION = "cut_connection"
    NEVER = "never_answer"


class Head:
    """Status line and headers of an answer, without the request id, in the bytes of each protocol."""

    __slots__ = ("close_1", "indexed", "keep_1", "literal", "priming", "status", "whole_data")

    def __init__(self, status: int, length: int, headers: tuple[tuple[str, str], ...], *, shared: bool) -> None:
        self.status = status
        reason = HTTPStatus(status).phrase
        lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers)]
        lines.append(f"content-length: {length}")
        self.keep_1 = "\r\n".join([*lines, "x-line-request-id: "]).encode()
        self.close_1 = "\r\n".join([*lines, "connection: close", "x-line-request-id: "]).encode()
        self.literal: Http2Head
        self.priming: Http2Head
        self.indexed: Http2Head
        self.literal, self.priming, self.indexed = encode_heads(status, length, headers, shared=shared)
        self.whole_data = length.to_bytes(3, "big") + b"\x00\x01"  # a DATA frame's length, type and END_STREAM


@lru_cache(maxsize=4096)
def head_for(status: int, length: int, *, from_edge: bool = False) -> Head:
    """The head of a body of this many bytes; ``from_edge`` means it comes from the CDN and not from LINE."""
    return Head(status, length, _EDGE_HEADERS if from_edge else _LINE_HEADERS, shared=not from_edge)


class Answer:
    """One answer: what happens on the wire, what it is counted as, and its head and body when it is sent at all.

    ``request_id`` is set where the double has to know it before the answer goes out; else it is given on the way.
    """

    __slots__ = ("body", "deed", "head", "outcome", "request_id")

    def __init__(self, status: int, body: bytes, *, from_edge: bool = False) -> None:
        self.deed = Deed.SEND
        self.head = head_for(status, len(body), from_edge=from_edge)
        self.outcome = _OUTCOMES[status]
        self.body = body
        self.request_id: bytes | None = None

    @classmethod
    def of_acceptance(cls, content: object, request_id: bytes) -> "Answer":
        """200 to a message that was accepted under this request id."""
        answer = cls.of_json(200, content)
        answer.request_id = request_id
        return answer

    @classmethod
    def of_repetition(cls, content: object, accepted_request_id: bytes) -> "Answer":
        """409 to a retry key that was accepted before, under this request id."""
        answer = cls.of_json(409, content)
        headers = (*_LINE_HEADERS, (_ACCEPTED_REQUEST_ID, accepted_request_id.decode()))
        answer.head = Head(409, len(answer.body), headers, shared=False)
        return answer

    @classmethod
    def of_json(cls, status: int, content: object) -> "Answer":
        """An answer whose body is this content as JSON."""
        return cls(status, json.dumps(content, separators=(",", ":")).encode())

    @classmethod
    def of_message(cls, status: int, message: str) -> "Answer":
        """An error in LINE's shape."""
        return cls.of_json(status, {"message": message})

    @classmethod
    def misdeed(cls, deed: Deed, outcome: str | None = None) -> "Answer":
        """An answer that never reaches the client."""
        answer = cls(500, b"")
        answer.deed = deed
        answer.outcome = outcome or deed.value
        return answer


_OUTCOMES = {status.value: str(status.value) for status in HTTPStatus}
_HTML_TOP = b"<HTML><HEAD>\n<TITLE>Bad Request</TITLE>\n</HEAD><BODY>\n<H1>Bad Request</H1>\n"
_HTML_TEXT = b"Your browser sent a request that this server could not understand.<P>\nReference #7."
_HTML_BODY = (_HTML_TOP + _HTML_TEXT).ljust(199, b"0") + b"\n</BODY>\n</HTML>\n"  # 216 bytes, as seen in 2021

INVALID_USER_ID: Final = Answer.of_message(400, "The value for the 'userId' parameter is invalid")
RETRY_KEY_REFUSED: Final = Answer.of_message(400, "X-Line-Retry-Key is not supported on this endpoint")
RETRY_KEY_INVALID: Final = Answer.of_message(400, "X-Line-Retry-Key is not a UUID")  # LINE's own words are not known
FAILED_TO_SEND: Final = Answer.of_message(400, "Failed to send messages")
UNAUTHORIZED: Final = Answer.of_message(
    401, "Authentication failed. Confirm that the access token in the authorization header is valid."
)
FORBIDDEN: Final = Answer.of_message(403, "Access to this API is not available for your account")
NOT_FOUND: Final = Answer.of_message(404, "Not found")
TOO_LARGE: Final = Answer.of_message(413, "Request Entity Too Large")
NOT_JSON: Final = Answer.of_message(415, "Unsupported Media Type")
QUOTA_REACHED: Final = Answer.of_message(429, "You have reached your monthly limit.")
RATE_LIMITED: Final = Answer.of_message(429, "The API rate limit has been exceeded. Try again later.")
SERVER_ERROR: Final = Answer.of_message(500, "Internal Server Error")
UNAVAILABLE: Final = Answer.of_message(503, "Service Unavailable")
HTML_400: Final = Answer(400, _HTML_BODY, from_edge=True)
HTML_200: Final = Answer(200, _HTML_BODY, from_edge=True)
CUT: Final = Answer.misdeed(Deed.CUT)
CUT_CONNECTION: Final = Answer.misdeed(Deed.CUT_CONNECTION)
NEVER: Final = Answer.misdeed(Deed.NEVER)
LOST: Final = Answer.misdeed(Deed.CUT, "lost_answer")
