"""Where a request comes from."""

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from fastapi import Request

_SITE_PREFIX = 64
"""An IPv6 site has so many addresses that each attempt could use another one."""


Network = IPv4Network | IPv6Network


def find_client_address(request: Request, trusted_proxies: Sequence[Network]) -> str:
    """Return the address of the client, or the network of an IPv6 one.

    `X-Forwarded-For` counts from its end on, as long as those who wrote it are trusted.
    """
    address = request.client.host if request.client else ""
    forwarded = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    while _is_trusted(address, trusted_proxies) and forwarded:
        nearer = forwarded.pop().strip()
        if _parse(nearer) is None:
            break
        address = nearer
    return _describe(address)


def _is_trusted(address: str, trusted_proxies: Sequence[Network]) -> bool:
    parsed = _parse(address)
    return parsed is not None and any(parsed in network for network in trusted_proxies)


def _describe(address: str) -> str:
    parsed = _parse(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network(f"{parsed}/{_SITE_PREFIX}", strict=False))
    return str(parsed) if parsed else address[:64]


def _parse(address: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    return (parsed.ipv4_mapped or parsed) if isinstance(parsed, IPv6Address) else parsed
