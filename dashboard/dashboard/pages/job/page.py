"""The frame of a job's page: its name, version and status, what may be done with it, and the tabs."""

from collections.abc import Awaitable, Callable
from urllib.parse import unquote

from nicegui import PageArguments, ui
from nicegui.events import ValueChangeEventArguments

from dashboard.client.api import ApiError, LoggedOut
from dashboard.components.marks import add_status, set_status
from dashboard.components.parts import add_heading
from dashboard.components.tabs import add_tabs
from dashboard.pages.job.access import show_access
from dashboard.pages.job.actions import add_actions
from dashboard.pages.job.build_log import show_build_log
from dashboard.pages.job.deployments import show_job_deployments, show_missing_job
from dashboard.pages.job.logs import show_logs
from dashboard.pages.job.manifest import show_manifest
from dashboard.pages.job.opened import FIRST_TAB, OpenedJob, open_job
from dashboard.pages.job.overview import show_overview
from dashboard.pages.job.progress import add_progress
from dashboard.pages.job.try_it import show_try_it
from dashboard.visit import Visit, make_path
from dashboard.web.session import BASE_PATH

TabBuilder = Callable[[OpenedJob, PageArguments], Awaitable[None]]
TABS: dict[str, tuple[str, TabBuilder]] = {
    FIRST_TAB: ("Overview", show_overview),
    "try": ("Try it", show_try_it),
    "logs": ("Logs", show_logs),
    "build-log": ("Build log", show_build_log),
    "manifest": ("Manifest", show_manifest),
    "deployments": ("Deployments", show_job_deployments),
    "access": ("Access", show_access),
}
"""The tabs by their names in the URL."""


async def show_job(visit: Visit, args: PageArguments, name: str, version: str) -> None:
    """Show a job; the version may be `latest` or a pattern."""
    name, version = unquote(name), unquote(version)
    waiting = ui.skeleton("rect").classes("w-full").style("height: 180px")
    try:
        job = await open_job(visit, name, version)
    except LoggedOut:
        raise
    except ApiError as error:
        waiting.delete()
        await show_missing_job(visit, name, version, str(error))
        return
    waiting.delete()
    tab = args.query_parameters.get("tab", FIRST_TAB)
    tab = tab if tab in TABS else FIRST_TAB
    header = JobHeader(job, version)
    header.offer_versions(tab)
    await add_progress(visit, job.name, job.version)
    add_tabs(
        "Parts of the job's page",
        {text: job.make_page(each) for each, (text, _) in TABS.items()},
        TABS[tab][0],
    )
    visit.on_change({"job"}, header.refresh)
    await TABS[tab][1](job, args)


class JobHeader:
    """The name of a job, with its status and marks, which stay up to date."""

    def __init__(self, job: OpenedJob, asked_version: str) -> None:
        self._job = job
        with ui.row().classes("w-full items-center justify-between"):
            with ui.row().classes("items-center gap-3"):
                add_heading(f"{job.name} {job.version}")
                self._status = add_status(job.facts["status"])
                self._latest = ui.label("latest").classes("rt-mark")
                self._pinned = ui.label("pinned as latest").classes("rt-mark")
                self._versions = ui.row()
            add_actions(job)
        if asked_version != job.version:
            text = f"“{asked_version}” means version {job.version} now."
            ui.label(text).classes("rt-soft").props("role=status")
        self._gone = ui.label().classes("rt-banner").props("role=alert")
        self._gone.set_visibility(False)
        self._show()

    def offer_versions(self, tab: str) -> None:
        """Offer the other versions of the family, each with the tab that is open."""
        versions = [each.version for each in self._job.versions]
        if len(versions) < 2:
            return

        def switch(event: ValueChangeEventArguments[str]) -> None:
            query = {"tab": tab} if tab != FIRST_TAB else {}
            path = make_path("jobs", self._job.name, event.value, **query)
            ui.navigate.to(path.removeprefix(BASE_PATH))

        with self._versions:
            box = ui.select(versions, label="Version", value=self._job.version, on_change=switch)
            box.props("outlined dense options-dense").classes("rt-filter")

    async def refresh(self) -> None:
        """Show the present status."""
        try:
            await self._job.load()
        except LoggedOut:
            raise
        except ApiError as error:
            self._gone.set_text(f"The page shows what was last known: {error}")
            self._gone.set_visibility(True)
            return
        self._gone.set_visibility(False)
        self._show()

    def _show(self) -> None:
        job = self._job
        set_status(self._status, job.facts["status"])
        self._latest.set_visibility(job.latest == job.version and not job.facts["is_pinned"])
        self._pinned.set_visibility(job.facts["is_pinned"])
