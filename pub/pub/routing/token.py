"""Where the caller's token is."""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote_plus

AUTH_NAMES = ("x-racetrack-auth", "x-racetrack-esc-auth", "x-racetrack-user-auth")
Headers = Sequence[tuple[bytes, bytes]]
"""As ASGI gives them: names in lower case."""
_BROKEN_ESCAPE = re.compile("%(?![0-9a-fA-F]{2})")


def find_token(headers: Headers) -> str:
    """Return the first token of header and cookie, name by name in the contract's order; empty when there is none."""
    for name in AUTH_NAMES:
        token = find_header(headers, name.encode()) or _find_cookie(headers, name)
        if token:
            # Anything else can be no token, and must not become part of another request's head.
            return token if token.isascii() and token.isprintable() else ""
    return ""


def find_header(headers: Headers, name: bytes) -> str:
    """Return a header by its lower-case name; empty when it is absent."""
    for key, value in headers:
        if key == name:
            return value.decode("latin-1")
    return ""


def remove_auth_cookies(cookie: bytes) -> bytes:
    """Leave out the cookies that hold tokens."""
    kept = [part for part in cookie.split(b";") if _cookie_name(part) not in AUTH_NAMES]
    return b";".join(kept).strip()


def _find_cookie(headers: Headers, name: str) -> str:
    for part in _list_cookies(headers):
        if _cookie_name(part) == name:
            value = part.partition(b"=")[2].strip().decode("latin-1")
            return "" if _BROKEN_ESCAPE.search(value) else unquote_plus(value)
    return ""


def _list_cookies(headers: Headers) -> Iterator[bytes]:
    for key, value in headers:
        if key == b"cookie":
            yield from value.split(b";")


def _cookie_name(part: bytes) -> str:
    return part.partition(b"=")[0].strip().lower().decode("latin-1")
