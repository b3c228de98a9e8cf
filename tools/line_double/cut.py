"""Cutting a TCP connection so that the other end notices."""

import asyncio
import socket
import struct
from typing import Final

_LINGER_NOT: Final = struct.pack("ii", 1, 0)


def cut(transport: asyncio.Transport) -> None:
    """Reset the connection. uvloop's ``abort`` alone sends FIN, which reads like a server that closes politely."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    transport.abort()
