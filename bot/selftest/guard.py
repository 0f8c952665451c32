"""Refuses every connection that leaves this machine."""

import ipaddress
import sys
from collections.abc import Sequence

SAID = "the self-test refused a connection to"
"""What the program under test prints for each."""

_CONNECTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_LOOKS_UP = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})


def install() -> None:
    """Refuse from now on, in this process and what is forked from it; it cannot be undone."""
    sys.addaudithook(_audit)


def leads_out(event: str, arguments: Sequence[object]) -> str:
    """The host that an event of the interpreter would reach outside of this machine, or empty.

    See "Audit events table" in Python's documentation.
    """
    if event in _CONNECTS:
        address = arguments[-1]  # a file's name for a Unix socket, None where it is connected
        host = address[0] if isinstance(address, tuple) and address else None
    elif event in _LOOKS_UP:
        host = arguments[0]
    else:
        return ""
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    return "" if not isinstance(name, str) or _is_here(name) else name


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    host = leads_out(event, arguments)
    if host:
        sys.stderr.write(f"{SAID} {host}\n")
        raise PermissionError(f"{SAID} {host}")


def _is_here(name: str) -> bool:
    if name in {"", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False
