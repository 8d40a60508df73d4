"""The route behind the log-in page: Lifecycle checks the password, and the browser gets the cookie of this gateway's host."""

from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Request
from racetrack_commons.entities.lifecycle_client import (
    LifecycleClient,
    LifecycleError,
    LifecycleUnreachable,
)
from starlette.responses import HTMLResponse, Response

from pub.proxy.login_page import PAGE_HEADERS, LoginPage, find_job_link, render_message

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
        return router

    async def show(self) -> Response:
        """Return the page without a job to go to."""
        return _answer(LoginPage("Log in to call jobs in this browser.").render(), 200)

    async def log_in(self, request: Request) -> Response:
        """Check the password; on success, set the cookie and go to the job."""
        if not _is_of_our_page(request):
            return _answer(render_message("Open the job in this browser, and log in there."), 403)
        form = await _read_form(request)
        link = find_job_link(form.get("next", "")) or ""
        try:
            cookie = await self._lifecycle.log_in(
                form.get("username", ""), form.get("password", ""), _trace_clients(request)
            )
        except LifecycleError as error:
            return _answer(LoginPage(f"{error}.", link=link).render(), error.status)
        except LifecycleUnreachable:
            return _answer(LoginPage("Lifecycle does not answer now.", link=link).render(), 503)
        if not link:
            response = _answer(render_message("You are logged in: open the URL of a job."), 200)
        else:
            response = Response(status_code=303, headers={"Location": link})
        response.headers["Set-Cookie"] = cookie
        return response


def _answer(page: bytes, status: int) -> Response:
    return HTMLResponse(page, status, headers=PAGE_HEADERS)


def _is_of_our_page(request: Request) -> bool:
    """Return whether the form was on a page of this host: other sites must not log a browser in as someone else."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    hosts = [request.headers.get(name) for name in ("host", "x-forwarded-host")]
    return origin is None or urlsplit(origin).netloc in hosts


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
