"""The requests behind the log-in page: Lifecycle checks the password, and the browser gets a session."""

from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Request
from pydantic import SecretStr
from racetrack_client.log.logs import get_logger
from racetrack_commons.auth.token import FORWARDING_HEADER
from racetrack_commons.entities.sessions import DashboardSession
from starlette.responses import RedirectResponse

from dashboard.client.api import ApiError, LifecycleApi, LifecycleAway
from dashboard.web.session import (
    BASE_PATH,
    SessionCookies,
    read_session,
    resolve_page,
)

logger = get_logger(__name__)
FAILURES = {
    "wrong": "This name and password don't match, or the account is not active yet.",
    "limited": "There were too many attempts. Wait a minute, then try again.",
    "away": "Lifecycle does not answer now. Try again in a moment.",
    "refused": "Lifecycle refused the log-in. Ask an admin to look into its log.",
}
"""The texts of the log-in page by the reason why a log-in failed."""
_REASONS = {401: "wrong", 429: "limited", 503: "limited"}
_LONGEST_FORM = 64 * 1024


class SessionRoutes:
    """The routes that open and end sessions."""

    def __init__(
        self, api: LifecycleApi, cookies: SessionCookies, forwarding_key: SecretStr | None = None
    ) -> None:
        self._api = api
        self._cookies = cookies
        self._key = forwarding_key

    def router(self) -> APIRouter:
        """Return a router with all routes."""
        router = APIRouter(include_in_schema=False, max_body_size=_LONGEST_FORM)
        router.add_api_route("/login", self.log_in, methods=["POST"], response_model=None)
        router.add_api_route("/logout", self.log_out, methods=["POST"], response_model=None)
        return router

    async def log_in(self, request: Request) -> RedirectResponse:
        """Check the password; on success, set the cookies and go to the wanted page."""
        form = await _read_form(request)
        wanted = resolve_page(form.get("next", "/"))
        credentials = {name: form.get(name, "") for name in ("username", "password")}
        try:
            opened = await self._open(request, credentials)
        except (ApiError, LifecycleAway) as error:
            query = {"failed": _choose_reason(error), "next": wanted}
            return _go_to(f"/login?{urlencode(query)}")
        response = _go_to(wanted)
        self._cookies.set(request, response, opened)
        return response

    async def log_out(self, request: Request) -> RedirectResponse:
        """End the session at Lifecycle, and take the cookies from the browser."""
        response = _go_to("/login")
        self._cookies.delete(response)
        try:
            await self._api.with_session(read_session(request)).delete("users/dashboard_session")
        except ApiError as error:
            logger.info(f"a session that had ended was logged out: {error}")
        except LifecycleAway as error:
            logger.warning(f"a session stays until it expires, without its cookie: {error.reason}")
        return response

    async def _open(self, request: Request, credentials: dict[str, str]) -> DashboardSession:
        response = await self._api.send(
            "POST",
            "users/dashboard_session",
            json=credentials,
            headers=make_forwarding_headers(request, self._key),
        )
        return DashboardSession.model_validate_json(response.content)


def make_forwarding_headers(request: Request, key: SecretStr | None) -> dict[str, str]:
    """Return the headers with the addresses that the request came through, by which Lifecycle counts failures."""
    client = request.client.host if request.client else "unknown"
    addresses = ", ".join([*request.headers.getlist("x-forwarded-for"), client])
    proof = {FORWARDING_HEADER: key.get_secret_value()} if key else {}
    return {"X-Forwarded-For": addresses, **proof}


def _choose_reason(error: ApiError | LifecycleAway) -> str:
    return "away" if isinstance(error, LifecycleAway) else _REASONS.get(error.status, "refused")


def _go_to(page: str) -> RedirectResponse:
    return RedirectResponse(f"{BASE_PATH}{page}", status_code=303)


async def _read_form(request: Request) -> dict[str, str]:
    fields = parse_qs((await request.body()).decode(errors="replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}
