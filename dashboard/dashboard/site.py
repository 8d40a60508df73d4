"""The site: which page is at which path, and what a browser gets before it has a session."""

import asyncio
from collections.abc import Callable
from typing import Any

from nicegui import Client, ui
from racetrack_commons.entities.sessions import CurrentUser
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dashboard.client.api import ApiError, LifecycleAway, LoggedOut
from dashboard.components.parts import add_heading
from dashboard.links import PageLink
from dashboard.pages.access.consumers import show_consumer, show_consumers
from dashboard.pages.access.permissions import show_permissions
from dashboard.pages.access.profile import show_change_password, show_profile
from dashboard.pages.access.users import show_users
from dashboard.pages.account import show_login, show_register, show_reset_password
from dashboard.pages.deployments.form import show_deploy_form
from dashboard.pages.deployments.listed import show_deployments
from dashboard.pages.deployments.shown import show_deployment
from dashboard.pages.job.page import show_job
from dashboard.pages.jobs import show_jobs
from dashboard.pages.platform.administration import show_administration
from dashboard.pages.platform.docs import show_docs, show_docs_page, show_plugin_docs
from dashboard.pages.platform.plugins import show_plugin_config, show_plugins
from dashboard.pages.platform.record_form import show_new_record, show_record
from dashboard.pages.platform.record_pages import show_records, show_tables
from dashboard.pages.survey.activity import show_activity
from dashboard.pages.survey.graph import show_graph
from dashboard.pages.survey.portfolio import show_portfolio
from dashboard.shell import THEME_COOKIE, Shell, add_head, make_title
from dashboard.visit import SharedServices, Visit, make_path
from dashboard.web.session import BASE_PATH, read_job_session, read_session

PageBuilder = Callable[..., Any]
PAGES: dict[str, PageBuilder] = {
    "/": show_jobs,
    "/jobs": show_jobs,
    "/jobs/deploy": show_deploy_form,
    "/profile": show_profile,
    "/change-password": show_change_password,
    "/jobs/{name}/{version}": show_job,
    "/deployments": show_deployments,
    "/deployments/{deployment_id}": show_deployment,
    "/portfolio": show_portfolio,
    "/activity": show_activity,
    "/graph": show_graph,
    "/permissions": show_permissions,
    "/consumers": show_consumers,
    "/consumers/{consumer_id}": show_consumer,
    "/users": show_users,
    "/plugins": show_plugins,
    "/plugins/{plugin_name}/{plugin_version}/config": show_plugin_config,
    "/administration": show_administration,
    "/records": show_tables,
    "/records/{table}": show_records,
    "/records/{table}/new": show_new_record,
    "/records/{table}/{record_id}": show_record,
    "/docs": show_docs,
    "/docs/{page}": show_docs_page,
    "/docs/plugin/{plugin_name}": show_plugin_docs,
}
"""The pages of visitors who are logged in, by the pattern of their paths below `/dashboard`."""
PUBLIC_PAGES: dict[str, Callable[[SharedServices, Request], None]] = {
    "/login": show_login,
    "/register": show_register,
    "/reset-password": show_reset_password,
}
"""The pages that need no session."""
_OLD_PREFIX = "/ui"
_PAGE_SECONDS = 15
_LONGEST_WAIT_SECONDS = 0.5


class Site:
    """All pages of the dashboard."""

    def __init__(self, shared: SharedServices) -> None:
        self._shared = shared

    def add_pages(self) -> None:
        """Register the pages with their library."""
        page = ui.page("/{_:path}", response_timeout=_PAGE_SECONDS)
        page(self._show)

    async def _show(self, request: Request, client: Client) -> Response | None:
        path = request.url.path.removeprefix(BASE_PATH).rstrip("/") or "/"
        if moved := _find_move(request, path):
            return RedirectResponse(moved, status_code=307)
        add_head(request.cookies.get(THEME_COOKIE, ""), make_title(self._shared.config.site_name))
        if path in PUBLIC_PAGES:
            PUBLIC_PAGES[path](self._shared, request)
            return None
        return await self._show_to_visitor(request, client)

    async def _show_to_visitor(self, request: Request, client: Client) -> Response | None:
        try:
            visit = await self._open_visit(request, client)
        except LoggedOut:
            wanted = request.url.path.removeprefix(BASE_PATH) or "/"
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(make_path("login", next=f"{wanted}{query}"), status_code=303)
        except (ApiError, LifecycleAway) as error:
            _show_failure(str(error))
            return None
        client.on_exception(visit.handle_failure)
        shell = Shell(visit, PAGES)
        with visit.reporting("The state of the platform is unknown"):
            await shell.load()
        shell.mark_page(request.url.path)
        client.sub_pages_router.on_path_changed(shell.mark_page)
        place = PagePlace(PAGES, data={"visit": visit})
        await place.classes("w-full").props("id=main").await_page()
        return None

    async def _open_visit(self, request: Request, client: Client) -> Visit:
        session = read_session(request)
        if not session:
            raise LoggedOut(401, "log in first")
        api = self._shared.api.with_session(session)
        user = CurrentUser.model_validate(await api.get("users/me"))
        return Visit(self._shared, api, user, read_job_session(request), client)


class PagePlace(ui.sub_pages):
    """The place of the page that the path chooses."""

    async def await_page(self) -> None:
        """Wait until the page is built, so that a browser shows it at once; a slow page follows its frame."""
        if building := set(self._active_tasks):
            await asyncio.wait(building, timeout=_LONGEST_WAIT_SECONDS)

    def _render_404(self) -> None:
        add_heading("There is no such page")
        ui.label("The address may have a mistake, or lead to something that is gone.")
        PageLink("All jobs", make_path("jobs"))


def _find_move(request: Request, path: str) -> str | None:
    """Return where a page is now, or None if it is here: pages have one address, below the base path."""
    query = f"?{request.url.query}" if request.url.query else ""
    if path == _OLD_PREFIX or path.startswith(f"{_OLD_PREFIX}/"):
        return f"{BASE_PATH}{path.removeprefix(_OLD_PREFIX) or '/'}{query}"
    if request.scope.get("root_path", "") != BASE_PATH:
        return f"{BASE_PATH}{path}{query}"
    return None


def _show_failure(text: str) -> None:
    with ui.column().classes("rt-card rt-login"):
        ui.label("The dashboard waits for Lifecycle").classes("text-h6").props(
            "role=heading aria-level=1"
        )
        ui.label(text).props("role=alert")
        ui.button("Try again", on_click=ui.navigate.reload).props("unelevated no-caps")
    ui.timer(3, ui.navigate.reload, once=True)
