"""The platform's cookies at the gateway: which count as the caller's token, and which pass to jobs and from them."""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote_plus

from racetrack_commons.auth.cookies import (
    DASHBOARD_COOKIE,
    JOB_COOKIE,
    MARK,
    PANEL_COOKIE,
    PANEL_FORM_COOKIE,
    SAFE_METHODS,
    is_same_origin,
)
from starlette.types import Scope

Headers = Sequence[tuple[bytes, bytes]]
"""The headers of an ASGI scope: their names are in lower case."""
AUTH_NAMES = ("x-racetrack-auth", "x-racetrack-esc-auth", "x-racetrack-user-auth")
_PLATFORM_COOKIES = frozenset(
    {*AUTH_NAMES, JOB_COOKIE, PANEL_COOKIE, PANEL_FORM_COOKIE, DASHBOARD_COOKIE}
)
_BROKEN_ESCAPE = re.compile("%(?![0-9a-fA-F]{2})")


def read_token(scope: Scope) -> str:
    """Return the first token of the headers and cookies, in the contract's order of names; empty without a token.

    Sessions come last. Cookies count only in requests that the visitor, a page of this host, or a program has sent.
    """
    headers: Headers = scope["headers"]
    cookies: dict[str, str] | None = None
    for name in AUTH_NAMES:
        token = read_header(headers, name.encode())
        if not token:
            cookies = _read_auth_cookies(scope) if cookies is None else cookies
            token = cookies.get(name, "")
        if token:
            return _keep_plain(token)
    return _keep_plain((cookies or {}).get(JOB_COOKIE, ""))


def has_foreign_cookie(scope: Scope) -> bool:
    """Return whether the request shows a cookie of ours that does not count, because a page of another origin sent it."""
    shown = {_cookie_name(part) for part in _list_cookies(scope["headers"])}
    return not shown.isdisjoint((*AUTH_NAMES, JOB_COOKIE)) and not may_use_cookies(scope)


def may_use_cookies(scope: Scope) -> bool:
    """Return whether the request may use the cookies of the browser.

    Pages of other origins may only open a job's page: they can neither read what it answers, nor change anything by it.
    """
    headers: Headers = scope["headers"]
    is_safe = scope["type"] == "http" and scope["method"] in SAFE_METHODS
    if is_safe and read_header(headers, b"sec-fetch-mode") == "navigate":
        return True
    hosts = [read_header(headers, name) for name in (b"host", b"x-forwarded-host")]
    site, origin = (read_header(headers, name) for name in (b"sec-fetch-site", b"origin"))
    return is_same_origin(site, origin, hosts)


def remove_auth_cookies(cookie: bytes) -> bytes:
    """Return the cookie header without the cookies of the platform."""
    kept = [part for part in cookie.split(b";") if _cookie_name(part) not in _PLATFORM_COOKIES]
    return b";".join(kept).strip()


def confine_job_cookie(cookie: bytes) -> bytes:
    """Return the value of a job's `Set-Cookie` for this host only; empty if it would set a cookie of the platform."""
    named, *attributes = cookie.split(b";")
    # A cookie without a name is sent as its bare value, which may read like a cookie of the platform.
    if b"=" not in named or _cookie_name(named) in ("", *_PLATFORM_COOKIES):
        return b""
    kept = [each for each in attributes if _cookie_name(each) != "domain"]
    return b";".join([named, *kept])


def read_header(headers: Headers, name: bytes) -> str:
    """Return the value of a header by its lower-case name; empty when it is absent."""
    for key, value in headers:
        if key == name:
            return value.decode("latin-1")
    return ""


def _read_auth_cookies(scope: Scope) -> dict[str, str]:
    """Return the first token or session of each name, of those that the request may use."""
    found: dict[str, str] = {}
    for part in _list_cookies(scope["headers"]):
        name = _cookie_name(part)
        if name in AUTH_NAMES or name == JOB_COOKIE:
            found.setdefault(name, _read_value(part))
    return found if found and may_use_cookies(scope) else {}


def _read_value(part: bytes) -> str:
    value = part.partition(b"=")[2].strip().decode("latin-1")
    return "" if value == MARK or _BROKEN_ESCAPE.search(value) else unquote_plus(value)


def _keep_plain(token: str) -> str:
    # Other characters can't be part of a token, and must never get into the head of another request.
    return token if token.isascii() and token.isprintable() else ""


def _list_cookies(headers: Headers) -> Iterator[bytes]:
    for key, value in headers:
        if key == b"cookie":
            yield from value.split(b";")


def _cookie_name(part: bytes) -> str:
    return part.partition(b"=")[0].strip().lower().decode("latin-1")
