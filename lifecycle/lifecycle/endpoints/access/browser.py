"""The client of a request: its address, and the cookie by which a browser calls jobs."""

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import quote

from fastapi import Request, Response
from racetrack_commons.auth.token import AUTH_HEADER

from lifecycle.config import Config

Network = IPv4Network | IPv6Network
_MONTH_SECONDS = 31 * 24 * 3600
_SITE_PREFIX = 64
"""The network of an IPv6 site counts as one address, because each attempt could use another of its addresses."""


def set_auth_cookie(response: Response, token: str, config: Config) -> None:
    """Set the cookie that holds the token; scripts of the page may read it."""
    response.set_cookie(
        AUTH_HEADER,
        quote(token, safe=""),
        max_age=_MONTH_SECONDS,
        samesite="lax",
        secure=config.enforce_secure_cookie,
        domain=_find_domain(config),
    )


def delete_auth_cookie(response: Response, config: Config) -> None:
    """Delete the cookie that holds the token."""
    response.delete_cookie(AUTH_HEADER, samesite="lax", domain=_find_domain(config))


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


def _find_domain(config: Config) -> str | None:
    return f"{config.racetrack_subdomain}.{config.cluster_fqdn}" if config.cluster_fqdn else None


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
