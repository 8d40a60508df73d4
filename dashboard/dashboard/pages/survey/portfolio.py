"""The portfolio: jobs rated by how much their removal would tidy up, and the means to remove them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nicegui import PageArguments, ui
from racetrack_commons.entities.list_orders import PortfolioOrder

from dashboard.client.bulk_deletion import BULK_DELETION, BulkDeletion, JobName
from dashboard.components.dialogs import confirm
from dashboard.components.parts import add_heading
from dashboard.components.server_table import ListSource, Row, ServerTable, TableColumn
from dashboard.components.spreadsheet import format_time, write_csv
from dashboard.pages.jobs import JOB_FACTS, make_job_row, make_job_source
from dashboard.visit import Visit, make_path

_NAME_CELL = """<a :href="props.row.href" class="text-weight-bold">{{ props.row.name }}</a>"""
_REASONS_CELL = """<div v-for="reason in props.row.reasons">{{ reason }}</div>"""
_CSV_COLUMNS = {
    "name": "Name",
    "version": "Version",
    "status": "Status",
    "purge_score": "Purge score",
    "purge_reasons": "Reasons",
    "purge_newer_versions": "Newer versions",
    "job_type_version": "Job type",
    "infrastructure_target": "Target",
    "owner_email": "Owner",
    "deployed_by": "Deployed by",
    "create_time": "Created",
    "update_time": "Deployed",
    "last_call_time": "Last call",
}
_MOST_FAILURES = 5
_TIMES = ("create_time", "update_time", "last_call_time")


async def show_portfolio(visit: Visit, args: PageArguments) -> None:
    """Show the jobs that the visitor may read, those first that most deserve to be removed."""
    add_heading("Portfolio")
    ui.label(
        "The higher the score of a job, the more its removal would tidy up: lost and failing jobs, "
        "jobs without calls, and versions that newer ones have replaced."
    ).classes("rt-soft")
    table = ServerTable(
        visit, _make_source(), args.query_parameters, make_path("portfolio"), selection="multiple"
    )
    DeletionLine(visit)
    page = PortfolioPage(visit, table)
    page.add_actions()
    await table.load()


class PortfolioPage:
    """The actions of the portfolio."""

    def __init__(self, visit: Visit, table: ServerTable) -> None:
        self._visit = visit
        self._table = table

    def add_actions(self) -> None:
        """Add the buttons beside the filters."""
        with self._table.actions:
            csv = ui.button("CSV", icon="download", on_click=self._download)
            csv.props('outline no-caps aria-label="Download the list as CSV"')
            self._delete = ui.button("Delete", icon="delete", on_click=self._delete_selected)
            self._delete.props("outline no-caps color=negative disable")
        self._table.table.on_select(self._count_selected)

    def _count_selected(self) -> None:
        count = len(self._table.table.selected)
        self._delete.text = f"Delete {count}" if count else "Delete"
        self._delete.props(remove="disable") if count else self._delete.props("disable")

    async def _download(self) -> None:
        with self._visit.reporting("The list could not be fetched"):
            jobs = await self._table.collect_items()
            content = write_csv(_CSV_COLUMNS, (_format_times(job) for job in jobs))
            ui.download.content(content, "portfolio.csv", "text/csv")

    async def _delete_selected(self) -> None:
        chosen = list(self._table.table.selected)
        count = _count_jobs(chosen)
        names = "\n".join(f"{row['name']} {row['version']}" for row in chosen[:20])
        more = f"\n… and {len(chosen) - 20} more" if len(chosen) > 20 else ""
        if not await confirm(f"Delete {count}?", f"Delete {count}", f"{names}{more}"):
            return
        jobs = [JobName(row["name"], row["version"]) for row in chosen]
        visit = self._visit
        visit.shared.deletions.begin(visit.user.username, visit.api, jobs)
        self._table.table.selected = []
        self._count_selected()


class DeletionLine:
    """The line with the progress of the visitor's bulk deletion; it is there again when the page is loaded again."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        with ui.row().classes("rt-banner items-center").props("role=status") as self._line:
            self._spinner = ui.spinner(size="20px").props("aria-hidden=true")
            self._text = ui.label().classes("rt-wrap")
            self._dismiss = ui.button(on_click=self._forget).props("flat dense no-caps")
        self._show()
        visit.on_change({BULK_DELETION}, self.refresh)

    async def refresh(self) -> None:
        """Show the present progress."""
        self._show()

    def _show(self) -> None:
        deletion = self._visit.shared.deletions.find(self._visit.user.username)
        self._line.set_visibility(deletion is not None)
        if deletion is not None:
            self._spinner.set_visibility(deletion.is_running)
            self._text.set_text(describe_deletion(deletion))
            self._dismiss.set_text("Stop" if deletion.is_running else "Dismiss")

    def _forget(self) -> None:
        self._visit.shared.deletions.dismiss(self._visit.user.username)


def describe_deletion(deletion: BulkDeletion) -> str:
    """Return the progress in words, with the first failures."""
    if deletion.current:
        number = deletion.deleted + len(deletion.failures) + 1
        text = f"Deleting {deletion.current} ({number} of {deletion.total})."
    else:
        text = f"{deletion.deleted} of {deletion.total} jobs were deleted."
    failures = "; ".join(deletion.failures[:_MOST_FAILURES])
    return f"{text} Not deleted: {failures}" if failures else text


def _make_source() -> ListSource:
    return replace(
        make_job_source(),
        path="job/portfolio",
        columns=[
            TableColumn("name", "Name", sort=PortfolioOrder.NAME, template=_NAME_CELL),
            TableColumn("version", "Version"),
            TableColumn("score", "Score", sort=PortfolioOrder.SCORE, is_number=True),
            TableColumn("reasons", "Reasons", template=_REASONS_CELL),
            *JOB_FACTS[:-1],
            replace(JOB_FACTS[-1], sort=PortfolioOrder.LAST_CALL),
        ],
        make_row=_make_row,
        empty_text="No job is here that you may read, or none that matches.",
    )


def _make_row(job: dict[str, Any]) -> Row:
    return make_job_row(job) | {
        "label": f"{job['name']} {job['version']}",
        "score": f"{job['purge_score']:.1f}",
        "reasons": job["purge_reasons"].splitlines(),
    }


def _format_times(job: dict[str, Any]) -> dict[str, Any]:
    return {**job, **{name: format_time(job.get(name)) for name in _TIMES}}


def _count_jobs(rows: Sequence[Row]) -> str:
    return "1 job" if len(rows) == 1 else f"{len(rows)} jobs"
