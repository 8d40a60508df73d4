"""The session of a browser: a cookie that no script can read, and that Lifecycle alone can check."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from racetrack_commons.auth.cookies import DASHBOARD_COOKIE, JOB_COOKIE
from racetrack_commons.entities.sessions import DashboardSession
from starlette.requests import Request
from starlette.responses import Response

BASE_PATH = "/dashboard"
"""The path that all pages are below."""


@dataclass(frozen=True)
class SessionCookies:
    """Sets and deletes the cookies of a session."""

    pub_url: str
    """The URL of PUB that browsers use."""

    def set(self, request: Request, response: Response, opened: DashboardSession) -> None:
        """Give the browser both sessions; the second one also at PUB's path, for links to jobs on the same host name."""
        for name, path in self._places:
            response.set_cookie(
                name,
                opened.session if name == DASHBOARD_COOKIE else opened.job_session,
                max_age=opened.lifetime_seconds,
                path=path,
                httponly=True,
                samesite="lax",
                secure=is_over_https(request),
            )

    def delete(self, response: Response) -> None:
        """Take both sessions from the browser."""
        for name, path in self._places:
            response.delete_cookie(name, path=path, httponly=True, samesite="lax")

    @property
    def _places(self) -> list[tuple[str, str]]:
        job_path = urlsplit(self.pub_url).path or "/"
        return [(DASHBOARD_COOKIE, BASE_PATH), (JOB_COOKIE, BASE_PATH), (JOB_COOKIE, job_path)]


def read_session(request: Request) -> str:
    """Return the session that the browser shows, or an empty text without one."""
    return request.cookies.get(DASHBOARD_COOKIE, "")


def read_job_session(request: Request) -> str:
    """Return the session by which the visitor calls jobs, or an empty text without one."""
    return request.cookies.get(JOB_COOKIE, "")


def is_over_https(request: Request) -> bool:
    """Return whether the browser reaches the dashboard over HTTPS, itself or up to a proxy."""
    forwarded = request.headers.get("x-forwarded-proto", "").strip().lower()
    return "https" in (request.url.scheme, forwarded)


def resolve_page(link: str) -> str:
    """Return the link if it leads to a page of the dashboard, otherwise the first page."""
    is_own = link.startswith("/") and not link.startswith(("//", "/\\"))
    return link if is_own and link.isprintable() else "/"
