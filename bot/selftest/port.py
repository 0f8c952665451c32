"""A port for a program that is started, killed and started again."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_port(host: str = "127.0.0.1") -> Iterator[int]:
    """A port that nobody else is given while the block runs, whether a program has it or not.

    A socket that is bound to it and never listens holds it: the system then gives it to no socket
    that asks for any port, and to no connection that goes out. A server that asks for this very
    one with SO_REUSEADDR, as the program does, gets it:
    https://man7.org/linux/man-pages/man7/socket.7.html
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((host, 0))
        yield int(holder.getsockname()[1])
