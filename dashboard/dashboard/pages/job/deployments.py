"""The deployments of a job: their phases, why they failed, and the way back."""

from typing import Any

from nicegui import PageArguments, ui
from racetrack_client.entities import AuthScope

from dashboard.client.api import Params
from dashboard.components.dialogs import confirm
from dashboard.components.failure import split_failure
from dashboard.components.marks import STATUS_CELL, choose_kind, make_time_cell
from dashboard.components.parts import add_heading
from dashboard.components.plain_table import PlainTable, make_action
from dashboard.components.server_table import Row, TableColumn
from dashboard.pages.job.actions import begin_deployment
from dashboard.pages.job.opened import OpenedJob
from dashboard.pages.job.progress import name_kind
from dashboard.visit import Visit, make_path

_MOST = 100
_NAME_CELL = """<a :href="props.row.href">{{ props.row.deployment }}</a>"""
STATE_CELL = f"""{STATUS_CELL} <span class="rt-soft">{{{{ props.row.note }}}}</span>
<div v-if="props.row.cause" class="rt-wrap rt-cause">{{{{ props.row.cause }}}}</div>"""
ELAPSED_CELL = (
    """<time class="rt-elapsed" :data-from="props.row.begun" :data-to="props.row.ended"></time>"""
)
_COLUMNS = [
    TableColumn("deployment", "Deployment", template=_NAME_CELL),
    TableColumn("status", "Status", template=STATE_CELL),
    TableColumn("by", "By", is_for_wide_screens=True),
    TableColumn("begun", "Begun", template=make_time_cell("begun")),
    TableColumn("took", "Took", template=ELAPSED_CELL, is_for_wide_screens=True),
]
_BACK = make_action("restore", "Roll back", shown_if="props.row.is_restorable")
_EMPTY = "No deployment of this job is known any more."


async def show_job_deployments(job: OpenedJob, _: PageArguments) -> None:
    """Show the deployments of the job, with the way back to each that can be restored."""
    may_restore = AuthScope.DEPLOY_JOB in job.allowed
    back = [TableColumn("actions", "Way back", template=_BACK)] if may_restore else []
    table = PlainTable([*_COLUMNS, *back], _EMPTY, "Deployments of the job")

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
            table = PlainTable(_COLUMNS, _EMPTY, "Deployments of the job")
            table.show([make_deployment_row(each) for each in found])


def make_deployment_row(deployment: dict[str, Any]) -> Row:
    """Return the row of a deployment."""
    is_running = deployment["status"] == "in_progress"
    status = "cancelled" if deployment["is_cancelled"] else deployment["status"]
    note = deployment["phase"] or "submitted" if is_running else ""
    return {
        "id": deployment["id"],
        "href": make_path("deployments", deployment["id"]),
        "deployment": name_kind(deployment),
        "label": f"{name_kind(deployment).lower()} by {deployment['deployed_by']}",
        "status": status.replace("_", " "),
        "status_kind": choose_kind(status),
        "note": "serves now" if deployment["is_serving"] else note,
        "cause": split_failure(deployment["error"] or "").cause,
        "by": deployment["deployed_by"] or "",
        "begun": deployment["create_time"],
        "ended": 0 if is_running else deployment["update_time"],
        "is_restorable": deployment["is_restorable"] and not deployment["is_serving"],
    }


async def _list_deployments(visit: Visit, name: str, version: str) -> list[dict[str, Any]]:
    params: Params = {"job_name": name, "job_version": version, "limit": _MOST}
    return list(await visit.api.get("deploy", params))
