"""A request as the endpoints see it, whichever protocol brought it."""

from collections.abc import Iterable
from typing import Final

MAX_BODY_BYTES: Final = 8 * 1024 * 1024
_BEARER = "Bearer "


class Headers:
    """The headers of a request, made once for all requests that carry the very same ones."""

    __slots__ = ("chunked", "close", "content_length", "fields", "retry_key", "token")

    def __init__(self, fields: Iterable[tuple[str, str]]) -> None:
        """Read the fields; names are compared in lower case.

        Raises:
            ValueError: Content-Length is not a number of bytes.
        """
        self.fields = {name.lower(): value for name, value in fields}
        authorization = self.fields.get("authorization", "")
        self.token = authorization[len(_BEARER) :] if authorization.startswith(_BEARER) else ""
        self.retry_key = self.fields.get("x-line-retry-key")
        length = self.fields.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            raise ValueError("Content-Length is not a number")
        self.content_length = int(length)
        self.chunked = self.fields.get("transfer-encoding", "").lower() == "chunked"
        self.close = self.fields.get("connection", "").lower() == "close"


class Request:
    """One request, complete with its body, and when it arrived on the double's clock."""

    __slots__ = ("arrived_us", "body", "headers", "method", "path")

    def __init__(self, method: str, path: str, headers: Headers, body: bytes, arrived_us: int) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.arrived_us = arrived_us
