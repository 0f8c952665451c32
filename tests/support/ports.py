"""Ports for programs under test: held, so that nobody else is given one while no program has it."""

import os
import socket
from collections import deque

_HELD_AT_MOST = 200
"""More than the tests that run side by side in one process have programs."""
_held: deque[int] = deque()
"""What holds the ports that were handed out last."""


def free_port() -> int:
    """A port of loopback that is given to nobody else, between two lives of a program as well.

    A socket that is bound to it and never listens holds it: the system then gives it to no socket
    that asks for any port, and to no connection that goes out. A server that asks for this very
    one, with SO_REUSEADDR as every server here does, may have it:
    https://man7.org/linux/man-pages/man7/socket.7.html
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port = int(holder.getsockname()[1])
        _held.append(holder.detach())
    if len(_held) > _HELD_AT_MOST:
        os.close(_held.popleft())
    return port
