"""Which addresses the server calls on behalf of others.

Metadata services of clouds never. Private and loopback addresses only where the server itself listens on loopback
(then whoever can ask has them anyway) or where the settings allow the host.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from referee.errors import PlatformError
from referee.platform.settings import Settings

_METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data"})
_METADATA = tuple(
    ipaddress.ip_network(network)
    for network in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32", "168.63.129.16/32")
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check_url(url: str, settings: Settings) -> None:
    """Refuse a URL that the server must not call. Looks its host up, so it blocks.

    Raises:
        PlatformError: it is refused; the message says why.
    """
    host = _host(url)
    if host in _METADATA_NAMES:
        raise PlatformError(f"the url {url!r} is refused: {host} is a metadata service")
    for address in _addresses(host):
        if reason := _why_not(host, address, settings):
            raise PlatformError(f"the url {url!r} is refused: {reason}")


def refusal(host: str, address: str, settings: Settings) -> str | None:
    """Why a host must not be called at an address that it was found at now: it may have had another when its URL was
    checked, and whoever answers for its name chooses when.

    Args:
        host: as it is called.
        address: IPv4 or IPv6.
        settings: of this server.
    """
    reason = _why_not(host.rstrip(".").lower(), _read(address), settings)
    return f"{host} is refused: {reason}" if reason else None


def check_redirect(url: str, origin: str, settings: Settings) -> None:
    """Refuse a URL that a server led to and that must not be called: also a private address, if it is not the origin's.

    Whoever may name the server that is called could reach all that this machine can reach, were it else.

    Args:
        url: where to.
        origin: the URL that was called at first, and was allowed.
        settings: of this server.

    Raises:
        PlatformError: it is refused; the message says why.
    """
    check_url(url, settings)
    host = _host(url)
    if host in (_host(origin), *settings.allowed_hosts):
        return
    for address in _addresses(host):
        if not address.is_global:
            raise PlatformError(
                f"the url {url!r} is refused: {_host(origin)} leads to it, and {address} is a private address; "
                f"add {host} to REFEREE_PLATFORM_ALLOWED_HOSTS if it is meant"
            )


def _why_not(host: str, address: Address, settings: Settings) -> str | None:
    if any(address in network for network in _METADATA if network.version == address.version):
        return f"{address} is a link-local or metadata address"
    if address.is_multicast or (address.is_unspecified and not settings.is_loopback):
        return f"{address} is no host's address"
    if not address.is_global and not settings.is_loopback and host not in settings.allowed_hosts:
        return (
            f"{address} is a private address, and this server is open to other machines; "
            f"add {host} to REFEREE_PLATFORM_ALLOWED_HOSTS if it is meant"
        )
    return None


def _host(url: str) -> str:
    try:
        host = urlsplit(url.strip()).hostname
    except ValueError as error:
        raise PlatformError(f"the url {url!r} is not one: {error}") from error
    if not host:
        raise PlatformError(f"the url {url!r} names no host")
    return host.rstrip(".").lower()


def _addresses(host: str) -> list[Address]:
    """All addresses of a host; none where it is not known, which the call itself will say."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [_read(str(place[4][0])) for place in found]


def _read(text: str) -> Address:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
