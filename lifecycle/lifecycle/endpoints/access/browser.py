"""The client of a request: its address, and whether a trusted proxy stands in between."""

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

Network = IPv4Network | IPv6Network
_SITE_PREFIX = 64
"""The network of an IPv6 site counts as one address, because each attempt could use another of its addresses."""


def trace_client_address(
    request: Request, trusted_proxies: Sequence[Network], *, is_sender_trusted: bool = False
) -> str:
    """Return the address of the client, or the network of an IPv6 client.

    The entries of `X-Forwarded-For` are followed from the last to the first while trusted proxies wrote them, or the
    trusted sender of the request.
    """
    address = request.client.host if request.client else ""
    forwarded = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    is_trusted = is_sender_trusted or _is_trusted(address, trusted_proxies)
    while is_trusted and forwarded:
        nearer = forwarded.pop().strip()
        if _parse(nearer) is None:
            break
        address = nearer
        is_trusted = _is_trusted(address, trusted_proxies)
    return _describe(address)


def is_from_trusted_proxy(request: Request, trusted_proxies: Sequence[Network]) -> bool:
    """Return whether a trusted proxy has sent the request, whose headers about its client are believed."""
    return _is_trusted(request.client.host if request.client else "", trusted_proxies)


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
