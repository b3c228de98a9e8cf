"""DynamoDB with bad days: in front of moto's server, passing on, throttling, or hanging up."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

Mood = Literal["well", "throttled", "away"]
THROTTLED = b'{"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "message": "slow"}'


class FaultyDynamo:
    """Listens on a port of its own; `mood` says what becomes of each request, `refused` counts those not passed on."""

    def __init__(self, upstream_url: str) -> None:
        self.mood: Mood = "well"
        self.refused = 0
        self._upstream = urlsplit(upstream_url).netloc
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def serving(self) -> Iterator["FaultyDynamo"]:
        """Serve for the length of a block."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        faulty = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if faulty.mood == "well":
                    self._answer(*faulty.pass_on(dict(self.headers), body))
                    return
                faulty.refused += 1
                if faulty.mood == "throttled":
                    self._answer(400, THROTTLED)

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class names it
                del format, args

        return Handler

    def pass_on(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Ask moto's server."""
        upstream = HTTPConnection(self._upstream, timeout=10)
        try:
            upstream.request("POST", "/", body, headers)
            answer = upstream.getresponse()
            return answer.status, answer.read()
        finally:
            upstream.close()
