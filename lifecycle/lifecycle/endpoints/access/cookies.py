"""The cookies of browsers: a log-in sets them, a log-out ends their sessions and deletes them. Other routes read none."""

import contextlib
from urllib.parse import urlsplit

from fastapi import Request, Response
from racetrack_client.log.errors import DiskFull
from racetrack_commons.auth.cookies import (
    JOB_COOKIE,
    MARK,
    MARK_COOKIE,
    PANEL_COOKIE,
    PANEL_PATHS,
    is_same_origin,
)

from lifecycle.auth.browser_sessions import SessionPurpose
from lifecycle.config import Config
from lifecycle.endpoints.access.browser import is_from_trusted_proxy
from lifecycle.endpoints.dependencies import LifecycleServices
from lifecycle.endpoints.presenting import make_pub_url

_MONTH_SECONDS = 31 * 24 * 3600


def set_login_cookies(
    request: Request, response: Response, token: str, services: LifecycleServices
) -> None:
    """Set a session that calls jobs, and the mark that older dashboards look for."""
    # Programs that log in need no session, also to free a full disk.
    with contextlib.suppress(DiskFull):
        opened = services.sessions.open(token, [SessionPurpose.JOBS])
        set_job_cookies(request, response, opened[SessionPurpose.JOBS], services)


def set_job_cookies(
    request: Request, response: Response, session: str, services: LifecycleServices
) -> None:
    """Set the session that calls jobs, and the mark that older dashboards look for."""
    config = services.config
    is_https = is_over_https(request, config)
    response.set_cookie(
        MARK_COOKIE,
        MARK,
        max_age=_MONTH_SECONDS,
        samesite="lax",
        secure=is_https,
        domain=_find_domain(config),
    )
    response.set_cookie(
        JOB_COOKIE,
        session,
        max_age=services.sessions.lifetime_seconds,
        path=_job_path(config),
        httponly=True,
        samesite="lax",
        secure=is_https or are_jobs_over_https(config),
    )


def set_panel_cookie(
    request: Request, response: Response, session: str, services: LifecycleServices
) -> None:
    """Set the session of the admin panel, on a response of the panel's log-in."""
    response.set_cookie(
        PANEL_COOKIE,
        session,
        max_age=services.sessions.lifetime_seconds,
        path=None,  # Browsers take the directory of the log-in, whatever path a proxy gives to the panel.
        httponly=True,
        samesite="strict",
        secure=is_over_https(request, services.config),
    )


def delete_panel_cookie(response: Response) -> None:
    """Delete the session of the admin panel, on a response of the panel's log-out."""
    response.set_cookie(PANEL_COOKIE, max_age=0, path=None, httponly=True, samesite="strict")


def delete_cookies(response: Response, config: Config) -> None:
    """Delete every cookie that a log-in sets."""
    response.delete_cookie(MARK_COOKIE, samesite="lax", domain=_find_domain(config))
    response.delete_cookie(JOB_COOKIE, path=_job_path(config), httponly=True, samesite="lax")
    for path in PANEL_PATHS:
        response.delete_cookie(PANEL_COOKIE, path=path, httponly=True, samesite="strict")


def list_shown_sessions(request: Request) -> list[str]:
    """List the sessions in the cookies of a request; none if a page of another origin has sent it."""
    told = request.headers.get
    if not is_same_origin(told("sec-fetch-site"), told("origin"), [told("host")]):
        return []
    names = (JOB_COOKIE, PANEL_COOKIE)
    return [request.cookies[name] for name in names if name in request.cookies]


def is_over_https(request: Request, config: Config) -> bool:
    """Return whether browsers reach Lifecycle over HTTPS only."""
    if config.enforce_secure_cookie or config.cluster_fqdn or request.url.scheme == "https":
        return True
    if (config.external_lifecycle_url or "").startswith("https:"):
        return True
    is_claimed = request.headers.get("x-forwarded-proto", "").strip().lower() == "https"
    return is_claimed and is_from_trusted_proxy(request, config.trusted_proxies)


def are_jobs_over_https(config: Config) -> bool:
    """Return whether browsers reach PUB over HTTPS only."""
    return config.enforce_secure_cookie or make_pub_url(config).startswith("https:")


def _job_path(config: Config) -> str:
    return urlsplit(make_pub_url(config)).path or "/"


def _find_domain(config: Config) -> str | None:
    return f"{config.racetrack_subdomain}.{config.cluster_fqdn}" if config.cluster_fqdn else None
