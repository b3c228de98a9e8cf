"""The listening process: which protocol a connection speaks, and the life of all of them."""

import asyncio
import gc
import signal
from collections.abc import Callable
from typing import cast

from tools.line_double.double import LineDouble
from tools.line_double.http2_frames import PREFACE
from tools.line_double.options import Options
from tools.line_double.protocol_http1 import Http1Connection
from tools.line_double.protocol_http2 import Http2Connection
from tools.line_double.reception import Reception
from tools.line_double.wheel import TimerWheel

_HOST = "127.0.0.1"
_BACKLOG = 4096


class Entrance(asyncio.Protocol):
    """A connection until its first bytes say HTTP/1.1 or HTTP/2; from then on it only hands bytes over."""

    def __init__(self, reception: Reception, connections: set["Entrance"]) -> None:
        self._reception = reception
        self._connections = connections
        self._first_bytes = b""
        self._connection: Http1Connection | Http2Connection | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with an accepted TCP connection."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are no subclasses of asyncio's
        self._connections.add(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        """The TCP connection is gone."""
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes from the socket."""
        if self._connection is not None:
            self._connection.receive(data)
            return
        self._first_bytes += data
        if self._first_bytes.startswith(PREFACE):
            self._connection = Http2Connection(self._transport, self._reception)
            self._connection.receive(self._first_bytes[len(PREFACE) :])
        elif not PREFACE.startswith(self._first_bytes):
            self._connection = Http1Connection(self._transport, self._reception)
            self._connection.receive(self._first_bytes)

    def close(self) -> None:
        """Take leave in the way of the protocol and close."""
        if self._connection is None:
            self._transport.close()
        else:
            self._connection.close()


async def serve(options: Options, ready: Callable[[int], None]) -> None:
    """Serve on 127.0.0.1 until SIGTERM or SIGINT; ``ready`` is told the port once connections are taken.

    Raises:
        OSError: the port is taken.
    """
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    reception = Reception(LineDouble(options), TimerWheel(loop), options.seed)
    connections: set[Entrance] = set()
    server = await loop.create_server(lambda: Entrance(reception, connections), _HOST, options.port, backlog=_BACKLOG)
    gc.freeze()  # what is loaded by now stays; only connections make cycles, and there are few of them
    ready(server.sockets[0].getsockname()[1])
    await stopped.wait()
    server.close()
    for connection in list(connections):
        connection.close()
    await server.wait_closed()
