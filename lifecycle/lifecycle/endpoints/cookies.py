"""The cookie that lets browsers call jobs."""

from urllib.parse import quote

from fastapi import Response
from racetrack_commons.auth.headers import AUTH_HEADER

from lifecycle.config import Config

_MONTH_SECONDS = 31 * 24 * 3600


def set_auth_cookie(response: Response, token: str, config: Config) -> None:
    """Give the browser the token; its scripts may read it."""
    response.set_cookie(
        AUTH_HEADER,
        quote(token, safe=""),
        max_age=_MONTH_SECONDS,
        samesite="lax",
        secure=config.enforce_secure_cookie,
        domain=_find_domain(config),
    )


def delete_auth_cookie(response: Response, config: Config) -> None:
    """Take the token from the browser."""
    response.delete_cookie(AUTH_HEADER, samesite="lax", domain=_find_domain(config))


def _find_domain(config: Config) -> str | None:
    return f"{config.racetrack_subdomain}.{config.cluster_fqdn}" if config.cluster_fqdn else None
