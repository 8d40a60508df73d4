"""The header that carries a caller's token.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from racetrack_client.log.errors import UnauthorizedError

RT_AUTH_HEADER = "X-Racetrack-Auth"


class AuthError(UnauthorizedError):
    """The user is not logged in, or the token is not accepted."""

    def __str__(self) -> str:
        return f"authentication error: {super().__str__()}"


def get_auth_request_headers(auth_token: str | None) -> dict[str, str]:
    """Return the headers with the token, none without a token; raises AuthError, which never shows the broken token."""
    if auth_token and not (auth_token.isascii() and auth_token.isprintable()):
        raise AuthError("the token holds characters that no token has; copy it again")
    return {RT_AUTH_HEADER: auth_token} if auth_token else {}
