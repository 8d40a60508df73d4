"""The routes behind the log-in page: Lifecycle checks the password, and the browser gets a session of this gateway's host."""

from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from racetrack_commons.auth.cookies import JOB_COOKIE, MARK_COOKIE, PANEL_COOKIE, PANEL_PATHS
from racetrack_commons.entities.lifecycle_client import (
    LifecycleClient,
    LifecycleError,
    LifecycleUnreachable,
)
from racetrack_commons.entities.sessions import JobSession
from starlette.responses import HTMLResponse, Response

from pub.proxy.cookies import may_use_cookies
from pub.proxy.login_page import (
    PAGE_HEADERS,
    LoginPage,
    find_job_link,
    render_logout,
    render_message,
)

_LONGEST_FORM = 64 * 1024


class LoginRoutes:
    """The routes of the log-in page."""

    def __init__(self, lifecycle: LifecycleClient) -> None:
        self._lifecycle = lifecycle

    def router(self) -> APIRouter:
        """Return a router with all routes."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/login", self.show, methods=["GET"], response_model=None)
        router.add_api_route("/login", self.log_in, methods=["POST"], response_model=None)
        router.add_api_route("/logout", self.show_logout, methods=["GET"], response_model=None)
        router.add_api_route("/logout", self.log_out, methods=["POST"], response_model=None)
        return router

    async def show(self) -> Response:
        """Return the page without a job to go to."""
        return _answer(LoginPage("Log in to call jobs in this browser.").render(), 200)

    async def log_in(self, request: Request) -> Response:
        """Check the password; on success, set the cookie and go to the job."""
        # Pages of other hosts must not log a browser in as someone else.
        if not may_use_cookies(request.scope):
            return _answer(render_message("Open the job in this browser, and log in there."), 403)
        form = await _read_form(request)
        link = find_job_link(form.get("next", "")) or ""
        try:
            session = await self._lifecycle.open_job_session(
                form.get("username", ""), form.get("password", ""), _trace_clients(request)
            )
        except LifecycleError as error:
            return _answer(LoginPage(f"{error}.", link=link).render(), error.status)
        except LifecycleUnreachable:
            return _answer(LoginPage("Lifecycle does not answer now.", link=link).render(), 503)
        if not link:
            response = _answer(render_logout("You are logged in: open the URL of a job."), 200)
        else:
            response = Response(status_code=303, headers={"Location": link})
        _set_cookie(request, response, session)
        return response

    async def show_logout(self) -> Response:
        """Return a page with a button that logs out."""
        return _answer(render_logout("Log out of all jobs in this browser."), 200)

    async def log_out(self, request: Request) -> Response:
        """End the session, and delete every cookie that a log-in may have set for this host."""
        if not may_use_cookies(request.scope):
            return _answer(render_message("Open this page in this browser to log out."), 403)
        message = await self._end_session(request.cookies.get(JOB_COOKIE))
        response = _answer(render_message(message), 200)
        response.set_cookie(JOB_COOKIE, max_age=0, path=None, httponly=True, samesite="lax")
        response.delete_cookie(MARK_COOKIE, samesite="lax")
        for path in PANEL_PATHS:
            response.delete_cookie(PANEL_COOKIE, path=path, httponly=True, samesite="strict")
        return response

    async def _end_session(self, session: str | None) -> str:
        """End a session at Lifecycle; return what to tell its user."""
        try:
            if session:
                await self._lifecycle.end_job_session(session)
        except (LifecycleError, LifecycleUnreachable) as error:
            return f"You are logged out in this browser, but a copy of the session stays valid: {error}."
        return "You are logged out."


def _set_cookie(request: Request, response: Response, session: JobSession) -> None:
    forwarded = request.headers.get("x-forwarded-proto", "").strip().lower()
    response.set_cookie(
        JOB_COOKIE,
        session.session,
        max_age=session.lifetime_seconds,
        path=None,  # Browsers take the directory of the log-in, whatever path a proxy gives to the gateway.
        httponly=True,
        samesite="lax",
        secure=session.is_secure or "https" in (request.url.scheme, forwarded),
    )


def _answer(page: bytes, status: int) -> Response:
    return HTMLResponse(page, status, headers=PAGE_HEADERS)


async def _read_form(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_FORM:
            return {}
    fields = parse_qs(body.decode(errors="replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}


def _trace_clients(request: Request) -> str:
    client = request.client.host if request.client else "unknown"
    return ", ".join([*request.headers.getlist("x-forwarded-for"), client])
