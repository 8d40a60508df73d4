"""The list of all deployments."""

from typing import Any

from nicegui import PageArguments, ui
from racetrack_commons.entities.list_orders import DeploymentOrder

from dashboard.components.parts import add_heading
from dashboard.components.server_table import Filter, ListSource, Row, ServerTable, TableColumn
from dashboard.links import PageLink
from dashboard.pages.deployments.rows import DEPLOYMENT_COLUMNS, make_deployment_row
from dashboard.visit import Visit, make_path

_JOB_CELL = """<a :href="props.row.job_href">{{ props.row.job }}</a>"""
_STATUSES = {"in_progress": "in progress", "done": "done", "failed": "failed"}


async def show_deployments(visit: Visit, args: PageArguments) -> None:
    """Show the deployments that the visitor may see."""
    with ui.row().classes("w-full items-center justify-between"):
        add_heading("Deployments")
        PageLink("Deploy a job", make_path("jobs", "deploy")).classes("rt-button")
    first, *others = DEPLOYMENT_COLUMNS
    source = ListSource(
        path="deploy",
        columns=[
            first,
            TableColumn("job", "Job", sort=DeploymentOrder.NAME, template=_JOB_CELL),
            *others,
        ],
        make_row=_make_row,
        kinds=frozenset({"deployment", "job"}),
        empty_text="No deployment is here, or none that matches. `racetrack deploy` in a directory with a job.yaml begins one.",
        search_label="Search deployments",
        filters=[
            Filter("status", "Status", _STATUSES),
            Filter("job_name", "Job"),
            Filter("deployed_by", "User"),
        ],
        params={"manifests": "false", "phases": "true"},
    )
    table = ServerTable(visit, source, args.query_parameters, make_path("deployments"))
    await table.load()


def _make_row(deployment: dict[str, Any]) -> Row:
    name, version = deployment["job_name"], deployment["job_version"]
    return {
        **make_deployment_row(deployment),
        "job": f"{name} {version}",
        "job_href": make_path("jobs", name, version),
    }
