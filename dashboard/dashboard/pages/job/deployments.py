"""The deployments of a job: their phases, why they failed, and the way back."""

from typing import Any

from nicegui import PageArguments, ui
from racetrack_client.entities import AuthScope

from dashboard.client.api import Params
from dashboard.components.dialogs import confirm
from dashboard.components.parts import add_heading
from dashboard.components.plain_table import PlainTable, make_action
from dashboard.components.server_table import Row, TableColumn
from dashboard.pages.deployments.rows import DEPLOYMENT_COLUMNS, make_deployment_row
from dashboard.pages.job.actions import begin_deployment
from dashboard.pages.job.opened import OpenedJob
from dashboard.visit import Visit

_MOST = 100
_BACK = make_action("restore", "Roll back", shown_if="props.row.is_restorable")
_EMPTY = "No deployment of this job is known any more."


async def show_job_deployments(job: OpenedJob, _: PageArguments) -> None:
    """Show the deployments of the job, with the way back to each that can be restored."""
    may_restore = AuthScope.DEPLOY_JOB in job.allowed
    back = [TableColumn("actions", "Way back", template=_BACK)] if may_restore else []
    table = PlainTable([*DEPLOYMENT_COLUMNS, *back], _EMPTY, "Deployments of the job")

    async def refresh() -> None:
        found = await _list_deployments(job.visit, job.name, job.version)
        table.show([make_deployment_row(each) for each in found])

    async def restore(row: Row) -> None:
        question = f"Roll {job.name} {job.version} back to the {row['label']}?"
        text = (
            "Its image, its manifest and its secrets serve again, without a build."
            " Calls go on meanwhile."
        )
        if await confirm(question, "Roll back", text, is_destructive=False):
            payload = {"deployment_id": row["id"]}
            name = f"Rollback of {job.name} {job.version}"
            begin_deployment(job.visit, f"{job.api_path}/rollback", name, payload)

    table.on_action("restore", restore)
    await refresh()
    job.visit.on_change({"deployment", "job"}, refresh)


async def show_missing_job(visit: Visit, name: str, version: str, reason: str) -> None:
    """Show why there is no job to see, and the deployments that led to none."""
    add_heading(f"{name} {version}")
    ui.label(reason).classes("rt-banner").props("role=status")
    with visit.reporting("Its deployments could not be fetched"):
        if found := await _list_deployments(visit, name, version):
            add_heading("Its deployments", 2)
            table = PlainTable(DEPLOYMENT_COLUMNS, _EMPTY, "Deployments of the job")
            table.show([make_deployment_row(each) for each in found])


async def _list_deployments(visit: Visit, name: str, version: str) -> list[dict[str, Any]]:
    params: Params = {
        "job_name": name,
        "job_version": version,
        "limit": _MOST,
        "manifests": "false",
        "phases": "true",
    }
    return list(await visit.api.get("deploy", params))
