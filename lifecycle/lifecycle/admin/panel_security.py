"""Log-in of staff users to the panel, and the security headers of its pages."""

from dataclasses import dataclass
from urllib.parse import unquote

from racetrack_client.log.errors import TooManyRequests, UnauthorizedError
from racetrack_commons.auth.token import AUTH_HEADER, AuthSubjectType
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.status import HTTP_303_SEE_OTHER
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette_admin.auth import AdminUser, AuthProvider
from starlette_admin.exceptions import LoginFailed
from starlette_admin.helpers import index_url, safe_redirect_url

from lifecycle.auth.password_check import LoginCredentials
from lifecycle.endpoints.access.browser import (
    delete_auth_cookie,
    set_auth_cookie,
    trace_client_address,
)
from lifecycle.endpoints.dependencies import LifecycleServices

_HEADERS = {
    # The pages have inline scripts, load nothing from other hosts, and must not be framed.
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:;"
    " object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


@dataclass
class PanelUser(AdminUser):
    """The staff user who is logged in."""

    is_superuser: bool = False


class StaffLogin(AuthProvider):
    """Admits active staff users; it uses the cookie that the platform's log-in sets."""

    def __init__(self, services: LifecycleServices) -> None:
        super().__init__()
        self._services = services

    async def login(
        self,
        username: str,
        password: str,
        remember_me: bool,  # noqa: ARG002 - the cookie lives as long as that of the dashboard
        request: Request,
    ) -> Response:
        """Check the password and return a redirect that sets the cookie; raises LoginFailed."""
        address = trace_client_address(request, self._services.config.trusted_proxies)
        credentials = LoginCredentials(username, password, address)
        token = await self._log_in(credentials)
        fallback = index_url(request)
        target = safe_redirect_url(request.query_params.get("next") or fallback, request, fallback)
        response = RedirectResponse(target, HTTP_303_SEE_OTHER)
        set_auth_cookie(response, token, self._services.config)
        return response

    async def logout(self, request: Request) -> Response:
        """Return a redirect that deletes the cookie."""
        response = RedirectResponse(index_url(request), HTTP_303_SEE_OTHER)
        delete_auth_cookie(response, self._services.config)
        return response

    async def authenticate(self, request: Request) -> AdminUser | None:
        """Return the staff user whose token is in the cookie, or None."""
        token = unquote(request.cookies.get(AUTH_HEADER, ""))
        return await run_in_threadpool(self._find_staff_user, token)

    async def _log_in(self, credentials: LoginCredentials) -> str:
        run = self._services.threads.run_with_password
        try:
            profile = await run(self._services.users.log_in, credentials)
        except (UnauthorizedError, TooManyRequests) as error:
            raise LoginFailed(str(error)) from error
        if not profile.is_staff:
            raise LoginFailed(f"user {credentials.username} is not one of the staff: ask an admin")
        return profile.token

    def _find_staff_user(self, token: str) -> PanelUser | None:
        try:
            subject = self._services.authenticator.authenticate(token)
        except UnauthorizedError:
            return None
        # The panel needs a user for the audit log even where authentication is switched off.
        if subject.subject_type is not AuthSubjectType.USER or subject.is_anonymous:
            return None
        with self._services.unit_of_work.reading() as uow:
            user = uow.users.find(subject.name)
        if user is None or not (user.is_active and user.is_staff):
            return None
        return PanelUser(username=user.username, is_superuser=user.is_superuser)


class SecurityHeaders:
    """Adds security headers to each response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
