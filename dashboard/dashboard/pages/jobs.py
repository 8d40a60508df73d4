"""The list of jobs."""

from typing import Any

from nicegui import PageArguments, ui

from dashboard.components.marks import STATUS_CELL, choose_kind, make_time_cell
from dashboard.components.server_table import Filter, ListSource, Row, ServerTable, TableColumn
from dashboard.visit import Visit, make_path

_NAME_CELL = """<a :href="props.row.href" class="text-weight-bold">{{ props.row.name }}</a>"""
_STATUSES = {name: name for name in ("running", "error", "lost", "starting", "created")}


async def show_jobs(visit: Visit, args: PageArguments) -> None:
    """Show the jobs that the visitor may read."""
    ui.label("Jobs").classes("text-h5").props("role=heading aria-level=1")
    source = ListSource(
        path="job",
        columns=[
            TableColumn("name", "Name", sort="name", template=_NAME_CELL),
            TableColumn("version", "Version"),
            TableColumn("status", "Status", sort="status", template=STATUS_CELL),
            TableColumn("job_type", "Job type", is_for_wide_screens=True),
            TableColumn("target", "Target", is_for_wide_screens=True),
            TableColumn("deployed_by", "Deployed by", is_for_wide_screens=True),
            TableColumn(
                "updated",
                "Deployed",
                sort="latest_job",
                template=make_time_cell("updated"),
                is_for_wide_screens=True,
            ),
            TableColumn(
                "called", "Last call", template=make_time_cell("called"), is_for_wide_screens=True
            ),
        ],
        make_row=_make_row,
        kinds=frozenset({"job"}),
        empty_text="No job is here yet, or none that matches. `racetrack deploy` in a directory with a job.yaml makes one.",
        search_label="Search jobs",
        filters=[
            Filter("status", "Status", _STATUSES),
            Filter("job_type", "Job type"),
            Filter("target", "Target"),
            Filter("owner", "Owner"),
        ],
        params={"manifests": "false"},
    )
    table = ServerTable(visit, source, args.query_parameters, make_path("jobs"))
    await table.load()


def _make_row(job: dict[str, Any]) -> Row:
    return {
        "id": job["id"],
        "name": job["name"],
        "version": job["version"],
        "href": make_path("jobs", job["name"], job["version"]),
        "status": job["status"],
        "status_kind": choose_kind(job["status"]),
        "job_type": job["job_type_version"],
        "target": job["infrastructure_target"] or "",
        "deployed_by": job["deployed_by"] or "",
        "updated": job["update_time"],
        "called": job["last_call_time"] or 0,
    }
