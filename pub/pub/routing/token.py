"""Where the caller's token is."""

from collections.abc import Sequence
from urllib.parse import unquote_plus

AUTH_NAMES = ("x-racetrack-auth", "x-racetrack-esc-auth", "x-racetrack-user-auth")
Headers = Sequence[tuple[bytes, bytes]]


def find_token(headers: Headers) -> str:
    """Return the first token of header and cookie, name by name in the contract's order; empty when there is none."""
    for name in AUTH_NAMES:
        if token := find_header(headers, name) or _read_cookies(headers).get(name, ""):
            return token
    return ""


def find_header(headers: Headers, name: str) -> str:
    """Return a header by its lower-case name; empty when it is absent."""
    wanted = name.lower().encode()
    return next((value.decode("latin-1") for key, value in headers if key == wanted), "")


def remove_auth_cookies(cookie: bytes) -> bytes:
    """Leave out the cookies that hold tokens."""
    kept = [
        part
        for part in cookie.split(b";")
        if part.partition(b"=")[0].strip().lower().decode("latin-1") not in AUTH_NAMES
    ]
    return b";".join(kept).strip()


def _read_cookies(headers: Headers) -> dict[str, str]:
    pairs = [part.partition("=") for part in find_header(headers, "cookie").split(";")]
    return {name.strip().lower(): unquote_plus(value.strip()) for name, _, value in pairs if value}
