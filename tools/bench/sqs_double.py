"""A queue that takes SendMessageBatch over HTTP, counts, and forgets: a double that is no bottleneck."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class SqsDouble(ThreadingHTTPServer):
    """Counts the messages, job seekers and recipients of summaries it was sent, and the largest body in bytes."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.messages = 0
        self.seekers = 0
        self.recipients = 0
        self.largest_bytes = 0

    @property
    def queue_url(self) -> str:
        """The queue's address; the server answers for any path."""
        return f"http://127.0.0.1:{self.server_port}/000000000000/friend-checks"

    def take(self, entries: list[dict[str, Any]]) -> None:
        """Count the entries of one batch."""
        for entry in entries:
            body = entry["MessageBody"]
            self.messages += 1
            content = json.loads(body)
            self.seekers += len(content.get("seekers", ()))
            self.recipients += len(content.get("recipients", ()))
            self.largest_bytes = max(self.largest_bytes, len(body.encode()))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: SqsDouble
    # Without it Nagle's algorithm and the client's delayed acknowledgement add 40 ms to every answer.
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        entries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["Entries"]
        self.server.take(entries)
        answer = {"Successful": [{"Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": ""} for entry in entries]}
        encoded = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@contextmanager
def sqs_double() -> Iterator[SqsDouble]:
    """A double that is served by a thread of this process within the block."""
    with SqsDouble() as double:
        thread = Thread(target=double.serve_forever)
        thread.start()
        try:
            yield double
        finally:
            double.shutdown()
            thread.join()
