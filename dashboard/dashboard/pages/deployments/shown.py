"""The page of one deployment: its phases as they pass, its build log, and why it failed."""

from typing import Any
from urllib.parse import quote, unquote

from nicegui import ui

from dashboard.client.api import ApiError, LoggedOut
from dashboard.components.dialogs import confirm
from dashboard.components.facts import Facts
from dashboard.components.failure import FailureCard
from dashboard.components.marks import add_elapsed, add_status, set_elapsed, set_status
from dashboard.components.parts import add_heading
from dashboard.links import PageLink
from dashboard.pages.deployments.growing_log import GrowingLog
from dashboard.pages.deployments.phases import PhaseSteps
from dashboard.pages.deployments.rows import name_kind
from dashboard.visit import Visit, make_path

_MOST = 100


async def show_deployment(visit: Visit, deployment_id: str) -> None:
    """Show a deployment, live."""
    path = f"deploy/{quote(unquote(deployment_id), safe='')}"
    try:
        facts = await visit.api.get(path)
    except LoggedOut:
        raise
    except ApiError as error:
        add_heading("Deployment")
        ui.label(str(error)).classes("rt-banner").props("role=alert")
        return
    facts["kind"] = await _find_kind(visit, facts)
    page = DeploymentPage(visit, path, facts)
    await page.log.refresh()
    visit.on_change({"deployment"}, page.refresh)


class DeploymentPage:
    """The parts of the page, which change in place."""

    def __init__(self, visit: Visit, path: str, facts: dict[str, Any]) -> None:
        self._visit, self._path, self._kind = visit, path, facts["kind"]
        name, version = facts["job_name"], facts["job_version"]
        with ui.row().classes("w-full items-center justify-between"):
            with ui.row().classes("items-center gap-3"):
                add_heading(f"{name_kind(facts)} of {name} {version}")
                self._status = add_status(facts["status"])
                self._elapsed = add_elapsed(facts["create_time"], None)
            with ui.row().classes("items-center"):
                PageLink("Open the job", make_path("jobs", name, version)).classes("rt-button")
                self._cancel = ui.button("Cancel", icon="block", on_click=self._ask_to_cancel)
                self._cancel.props("outline dense no-caps color=negative padding='4px 10px'")
        self._failure = FailureCard("The deployment failed")
        with ui.column().classes("rt-card w-full"):
            self._steps = PhaseSteps()
            self._phase = ui.label().classes("rt-soft").props("role=status")
        with ui.column().classes("rt-card w-full"):
            self._facts = Facts()
        add_heading("Build log", 2)
        self.log = GrowingLog(visit, f"{path}/build-logs/plain", "Build log", f"{facts['id']}.log")
        with ui.expansion("Manifest").classes("w-full").props("dense"):
            ui.label(facts["manifest_yaml"]).classes("rt-code rt-mono")
        self._show(facts)

    async def refresh(self) -> None:
        """Show the present state."""
        was_growing = self.log.is_growing
        self._show(await self._visit.api.get(self._path))
        if was_growing:
            await self.log.refresh()

    def _show(self, facts: dict[str, Any]) -> None:
        is_running = facts["status"] == "in_progress"
        self.log.is_growing = is_running
        set_status(self._status, "cancelled" if facts["is_cancelled"] else facts["status"])
        set_elapsed(
            self._elapsed, facts["create_time"], None if is_running else facts["update_time"]
        )
        self._cancel.set_visibility(is_running)
        self._failure.show(facts["error"])
        self._steps.show(facts)
        self._phase.set_text(f"Now: {facts['phase'] or 'submitted'}" if is_running else "")
        self._phase.set_visibility(is_running)
        self._facts.show_text("Deployed by", facts["deployed_by"])
        self._facts.show_text("Target", facts["infrastructure_target"])
        self._facts.show_time("Begun", facts["create_time"])
        self._facts.show_time("Last change", facts["update_time"])
        self._facts.show_text("Image", facts["image_name"], is_code=True)
        self._facts.show_text("Warnings", facts["warnings"])
        self._facts.show_text("Id", facts["id"], is_code=True)

    async def _ask_to_cancel(self) -> None:
        text = "Nothing of it will serve; what serves now goes on."
        if await confirm("Cancel this deployment?", "Cancel the deployment", text):
            with self._visit.reporting("The deployment was not cancelled"):
                await self._visit.api.post(f"{self._path}/cancel")
                self._visit.tell("The deployment is cancelled.")


async def _find_kind(visit: Visit, facts: dict[str, Any]) -> str | None:
    """Return what began a deployment; only lists tell it."""
    params = {"job_name": facts["job_name"], "job_version": facts["job_version"], "limit": _MOST}
    with visit.reporting("The kind of the deployment is unknown"):
        for each in await visit.api.get("deploy", params):
            if each["id"] == facts["id"]:
                return str(each["kind"]) if each["kind"] else None
    return None
