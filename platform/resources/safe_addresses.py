"""Connections only to addresses that a source may be at: the name is resolved, the address checked, then connected to.

Here: which addresses are public, and the network backend that refuses the others. Not here: which URL is fetched, nor
its retries (fetcher).
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

import httpcore2
import httpx2
from httpcore2 import AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream, ConnectError, ConnectTimeout

from domain.errors import RefusedError

Address = IPv4Address | IPv6Address

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last 32 bits
# Global to Python, in one release or another: protocol assignments, relays to IPv6, the address of Azure's own services
# in every network of theirs, documentation.
_NEVER: tuple[IPv4Network | IPv6Network, ...] = (
    *map(IPv4Network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")),
    IPv6Network("3fff::/20"),
)
_UNICAST = IPv6Network("2000::/3")  # all of IPv6 that is given out
_TRIED = 4  # addresses of one name
_NEXT_AFTER = 5.0  # seconds that an address gets before the next one of the name is tried


def is_public(address: Address) -> bool:
    """Whether the address is one of the internet's: not private, loopback, link-local, multicast, reserved or
    unspecified; where it carries an IPv4 address (mapped, 6to4, NAT64), that one decides."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = IPv4Address(address.packed[-4:])
        if inner:
            return is_public(inner)
        if address not in _UNICAST:
            return False
    if any(address in network for network in _NEVER):
        return False
    refused = address.is_private or address.is_loopback or address.is_link_local or address.is_multicast
    return address.is_global and not (refused or address.is_reserved or address.is_unspecified)


def anywhere(_address: Address) -> bool:
    """Permits every address: for targets whose sources are on this machine."""
    return True


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, in the system's order of preference. Raises OSError where it has none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


@dataclass(frozen=True, slots=True)
class Addresses:
    """How names become addresses, and which of them may be connected to."""

    permitted: Callable[[Address], bool] = is_public
    resolve: Callable[[str, int], Awaitable[list[str]]] = resolve

    async def of(self, host: str, port: int) -> list[str]:
        """The permitted addresses of a host. Raises RefusedError where it has others only, OSError where none."""
        found = await self.resolve(host, port)
        good = [address for address in found if self.permitted(ip_address(address))]
        if not good:
            raise RefusedError(
                f"{host} is at a private or reserved address; nothing was sent.",
                remedy="Point the source at a public host, or set fetch.allow_private_addresses of the target.",
            )
        return good


class CheckedBackend(AsyncNetworkBackend):
    """Resolves once, checks, and connects to exactly what was checked: a name that changes its answer gains nothing.

    TLS and the Host header still speak of the name, for they are made above this.
    """

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._inner = AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> AsyncNetworkStream:
        """A connection to the first permitted address of the host that answers."""
        try:
            good = (await self._addresses.of(host, port))[:_TRIED]
        except (OSError, UnicodeError) as error:  # UnicodeError: a label that no name can have
            raise ConnectError(f"{host} has no address: {error}") from error
        *others, last = good
        for address in others:
            soon = _NEXT_AFTER if timeout is None else min(timeout, _NEXT_AFTER)
            try:
                return await self._inner.connect_tcp(address, port, soon, local_address, socket_options)
            except (ConnectError, ConnectTimeout):
                continue
        return await self._inner.connect_tcp(last, port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> AsyncNetworkStream:
        """Never: a source is at an address."""
        raise RefusedError("a source is not fetched from a socket of this machine.", where=path)

    async def sleep(self, seconds: float) -> None:
        """See AsyncNetworkBackend."""
        await self._inner.sleep(seconds)


class CheckedTransport(httpx2.AsyncHTTPTransport):
    """httpx2's own transport on the backend that checks. No proxy: it would resolve names out of our sight."""

    def __init__(self, addresses: Addresses, connections: int) -> None:
        context = httpx2.create_ssl_context(trust_env=False)
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=5.0,
            network_backend=CheckedBackend(addresses),
        )
