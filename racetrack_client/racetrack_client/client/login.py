"""Logging in to a Lifecycle."""

from typing import Any

from racetrack_client.client.session import ERROR_CONTEXT, Session
from racetrack_client.utils.auth import AuthError
from racetrack_client.utils.request import Response, parse_response_object


def check_token(session: Session, token: str) -> str:
    """Return the name of the user whose token it is; AuthError when Lifecycle refuses it."""
    url = session.api_url("users/validate_user_auth")
    answer = _parse(session.request("GET", url, token=token), "the token is not valid")
    return str(answer["username"])


def log_in(session: Session, username: str, password: str) -> str:
    """Return the token of a user; AuthError when name or password is wrong."""
    credentials = {"username": username, "password": password}
    response = session.request("POST", session.api_url("users/login"), credentials, token="")
    return str(_parse(response, "the user name or the password is wrong")["token"])


def _parse(response: Response, refusal: str) -> dict[str, Any]:
    if response.status_code == 401:
        raise AuthError(refusal)
    return parse_response_object(response, ERROR_CONTEXT)
