"""The no-spend fuse: while it is in, no model off this machine can be called.

Two locks. `check` judges the address before anything is imported or sent; `loopback_socket` judges
the address that was resolved, at the moment of connecting, whatever a name or a redirect became.
"""

import ipaddress
import socket
from urllib.parse import urlsplit

from runtime.errors import SpendingForbidden
from runtime.model.value import value


@value()
class Fuse:
    """Decides whether an address may be called.

    Attributes:
        allow_spending: every address may be called; where False, only those of this machine.
    """

    allow_spending: bool

    def check(self, model: str, base_url: str | None) -> None:
        """Return where the model at that address may be called; None is the provider's own address.

        Raises:
            SpendingForbidden: the address is not on this machine, and spending is off.
        """
        if not (self.allow_spending or is_loopback(base_url)):
            where = "its provider's own address" if base_url is None else "an address off this host"
            raise SpendingForbidden(
                f"{model} is at {where}, and spending is switched off: nothing was sent"
            )


def is_loopback(base_url: str | None) -> bool:
    """Whether the URL can only mean this machine.

    Strict where parsers disagree: user names, backslashes and blanks in it make it foreign.
    """
    if (
        base_url is None
        or any(sign in base_url for sign in "\\@")
        or base_url.split() != [base_url]
    ):
        return False
    try:
        parts = urlsplit(base_url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"}:
        return False
    return host == "localhost" or _is_loopback_address(host)


AddressInfo = tuple[
    int, int, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
]
"""What `socket.getaddrinfo` returns for one address."""


def loopback_socket(address: AddressInfo) -> socket.socket:
    """Make the socket for a connection to that address; a socket factory for aiohttp.

    Raises:
        SpendingForbidden: the address is not on this machine.
    """
    family, kind, protocol, _, place = address
    if not _is_loopback_address(str(place[0])):
        raise SpendingForbidden("a connection off this host was about to be made: nothing was sent")
    return socket.socket(family, kind, protocol)


def _is_loopback_address(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
