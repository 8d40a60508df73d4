"""The deployment that goes on, or that failed last: a line below the name of a job, which any visitor sees."""

from typing import Any

from nicegui import ui

from dashboard.client.api import Params
from dashboard.components.failure import split_failure
from dashboard.components.marks import add_elapsed, set_elapsed
from dashboard.links import PageLink
from dashboard.pages.deployments.rows import name_kind
from dashboard.visit import Visit, make_path


class ProgressLine:
    """The line; it is hidden when the last deployment succeeded."""

    def __init__(self, visit: Visit, name: str, version: str) -> None:
        self._visit = visit
        self._params: Params = {"job_name": name, "job_version": version, "limit": 1}
        with ui.row().classes("rt-banner").props("role=status") as self._line:
            self._spinner = ui.spinner(size="20px").props("aria-hidden=true")
            self._text = ui.label().classes("rt-wrap")
            self._elapsed = add_elapsed(0, None)
            self._link = PageLink("Details", make_path("deployments"))
        self._line.set_visibility(False)

    async def refresh(self) -> None:
        """Show the present state."""
        found = await self._visit.api.get("deploy", self._params)
        newest = found[0] if found else None
        is_running = newest is not None and newest["status"] == "in_progress"
        has_failed = newest is not None and newest["status"] == "failed"
        self._line.set_visibility(is_running or has_failed)
        if newest is None or not (is_running or has_failed):
            return
        self._spinner.set_visibility(is_running)
        set_elapsed(self._elapsed, newest["create_time"], None)
        self._elapsed.set_visibility(is_running)
        self._text.set_text(_describe(newest))
        self._link.props["href"] = make_path("deployments", newest["id"])


def _describe(deployment: dict[str, Any]) -> str:
    kind = name_kind(deployment)
    if deployment["status"] == "in_progress":
        return f"{kind} in progress: {deployment['phase'] or 'submitted'}"
    if deployment["is_cancelled"]:
        return f"{kind} was cancelled."
    return f"{kind} failed: {split_failure(deployment['error'] or '').cause}"


async def add_progress(visit: Visit, name: str, version: str) -> None:
    """Show the line for a job."""
    line = ProgressLine(visit, name, version)
    with visit.reporting("The deployments could not be fetched"):
        await line.refresh()
    visit.on_change({"deployment", "job"}, line.refresh)
