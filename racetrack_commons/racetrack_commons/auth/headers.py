"""Where a request carries its token."""

from collections.abc import Mapping

AUTH_HEADER = "X-Racetrack-Auth"
"""Also the name of the cookie that log-in sets."""
_HEADERS = (AUTH_HEADER, "X-Racetrack-User-Auth", "X-Racetrack-Esc-Auth")


def find_auth_token(headers: Mapping[str, str]) -> str | None:
    """Return the token of a request, or None; the names that old clients use count too.

    `headers` must ignore case, as those of Starlette and httpx do.
    """
    for name in _HEADERS:
        if token := headers.get(name):
            return token
    return None
