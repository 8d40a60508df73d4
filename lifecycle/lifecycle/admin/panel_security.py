"""Log-in of staff users to the panel, and the security headers of its pages."""

from dataclasses import dataclass

from racetrack_client.log.errors import TooManyRequests, UnauthorizedError
from racetrack_commons.auth.cookies import PANEL_COOKIE, SAFE_METHODS, is_same_origin
from racetrack_commons.auth.token import AuthSubjectType
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.status import HTTP_303_SEE_OTHER
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette_admin.auth import AdminUser, AuthProvider
from starlette_admin.exceptions import LoginFailed
from starlette_admin.helpers import index_url, safe_redirect_url

from lifecycle.auth.browser_sessions import SessionPurpose
from lifecycle.auth.password_check import LoginCredentials
from lifecycle.endpoints.access.browser import trace_client_address
from lifecycle.endpoints.access.cookies import (
    delete_cookies,
    delete_panel_cookie,
    list_shown_sessions,
    set_job_cookies,
    set_panel_cookie,
)
from lifecycle.endpoints.dependencies import LifecycleServices

_HEADERS = {
    # The pages have inline scripts, load nothing from other hosts, and must not be framed.
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:;"
    " object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # Pages that open the panel in a window can't touch it.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
}

_SHOWING_ROWS = ("text/html", "application/json")


@dataclass
class PanelUser(AdminUser):
    """The staff user who is logged in."""

    is_superuser: bool = False


class StaffLogin(AuthProvider):
    """Admits active staff users, by a session that is good for the panel only."""

    def __init__(self, services: LifecycleServices) -> None:
        super().__init__()
        self._services = services

    async def login(
        self,
        username: str,
        password: str,
        remember_me: bool,  # noqa: ARG002 - all sessions last equally long
        request: Request,
    ) -> Response:
        """Check the password and return a redirect that sets the cookie; raises LoginFailed."""
        address = trace_client_address(request, self._services.config.trusted_proxies)
        credentials = LoginCredentials(username, password, address)
        token = await self._log_in(credentials)
        fallback = index_url(request)
        target = safe_redirect_url(request.query_params.get("next") or fallback, request, fallback)
        response = RedirectResponse(target, HTTP_303_SEE_OTHER)
        await run_in_threadpool(self._set_cookies, request, response, token)
        return response

    async def logout(self, request: Request) -> Response:
        """End what the log-in has opened; return a redirect that deletes all sessions of the browser."""
        await run_in_threadpool(self._services.sessions.end, list_shown_sessions(request))
        response = RedirectResponse(index_url(request), HTTP_303_SEE_OTHER)
        delete_cookies(response, self._services.config)
        delete_panel_cookie(response)
        return response

    async def authenticate(self, request: Request) -> AdminUser | None:
        """Return the staff user whose session is in the cookie, or None."""
        session = request.cookies.get(PANEL_COOKIE, "")
        return await run_in_threadpool(self._find_staff_user, session)

    def _set_cookies(self, request: Request, response: Response, token: str) -> None:
        opened = self._services.sessions.open(token, [SessionPurpose.JOBS, SessionPurpose.PANEL])
        set_job_cookies(request, response, opened[SessionPurpose.JOBS], self._services)
        set_panel_cookie(request, response, opened[SessionPurpose.PANEL], self._services)

    async def _log_in(self, credentials: LoginCredentials) -> str:
        run = self._services.threads.run_with_password
        try:
            logged_in = await run(self._services.users.log_in, credentials)
        except (UnauthorizedError, TooManyRequests) as error:
            raise LoginFailed(str(error)) from error
        if not logged_in.user.is_staff:
            raise LoginFailed(f"user {credentials.username} is not one of the staff: ask an admin")
        return logged_in.token

    def _find_staff_user(self, session: str) -> PanelUser | None:
        # The panel needs a user for the audit log even where authentication is switched off.
        subject = self._services.sessions.find_subject(session, SessionPurpose.PANEL)
        if subject is None or subject.subject_type is not AuthSubjectType.USER:
            return None
        with self._services.unit_of_work.reading() as uow:
            user = uow.users.find(subject.name)
        if user is None or not (user.is_active and user.is_staff):
            return None
        return PanelUser(username=user.username, is_superuser=user.is_superuser)


class OwnPagesOnly:
    """Hides cookies of requests that pages of other origins have sent; they may only open a page of the panel."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and not _may_use_cookies(Request(scope)):
            # Without cookies, the request is that of a stranger, and no form of it is accepted.
            headers = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
            scope = {**scope, "headers": headers}
        await self._app(scope, receive, send)


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
                if headers.get("content-type", "").startswith(_SHOWING_ROWS):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _may_use_cookies(request: Request) -> bool:
    told = request.headers.get
    opens_page = told("sec-fetch-mode") == "navigate" and told("sec-fetch-dest") == "document"
    if opens_page and request.method in SAFE_METHODS:
        return True
    hosts = (told("host"), told("x-forwarded-host"))
    return is_same_origin(told("sec-fetch-site"), told("origin"), hosts)
