"""Which machines may be called: by default those of the public internet, and no others.

The check is made on the address that is connected to, when it is resolved: a name that is public
when it is looked at and private when it is called (DNS rebinding) is refused as well.
"""

import ipaddress
import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class PrivateAddress(OSError):
    """The address is not of the public internet."""


def is_public(text: str) -> bool:
    """Whether the IP address is of the public internet, whatever it is wrapped in."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not address.is_multicast


class PublicOnly(AbstractResolver):
    """Resolves names, and refuses those that lead to a private address."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of the name.

        Raises:
            PrivateAddress: one of them is not of the public internet.
        """
        found = await self._resolver.resolve(host, port, family)
        for one in found:
            if not is_public(one["host"]):
                raise PrivateAddress(f"{host} leads to {one['host']}")
        return found

    async def close(self) -> None:
        """Let go of the resolver."""
        await self._resolver.close()
