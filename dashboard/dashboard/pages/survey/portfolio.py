"""The portfolio: jobs rated by how much their removal would tidy up, and the means to remove them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from nicegui import PageArguments, ui

from dashboard.client.api import ApiError, LifecycleAway
from dashboard.components.dialogs import confirm
from dashboard.components.parts import add_heading
from dashboard.components.server_table import ListSource, Row, ServerTable, TableColumn
from dashboard.components.spreadsheet import format_time, write_csv
from dashboard.pages.jobs import UNSORTED_FACTS, make_job_row, make_job_source
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
        await self._delete_all(chosen)
        self._table.table.selected = []
        self._count_selected()
        with self._visit.reporting("The list could not be fetched"):
            await self._table.load()

    async def _delete_all(self, chosen: Sequence[Row]) -> None:
        """Delete jobs one after the other; leaving the page does not stop it."""
        failures: list[str] = []
        with (
            self._visit.client,
            ui.dialog(value=True).props("persistent aria-label=Progress") as dialog,
            ui.card().classes("rt-dialog"),
        ):
            text = ui.label().props("role=status")
            bar = ui.linear_progress(0, show_value=False).props('aria-label="Deleted jobs"')
        for number, row in enumerate(chosen):
            text.text = f"Deleting {row['name']} {row['version']} ({number + 1} of {len(chosen)})"
            bar.value = number / len(chosen)
            path = f"job/{quote(row['name'], safe='')}/{quote(row['version'], safe='')}"
            try:
                await self._visit.api.delete(path)
            except (ApiError, LifecycleAway) as error:
                failures.append(f"{row['name']} {row['version']}: {error}")
        dialog.delete()
        self._report(len(chosen) - len(failures), failures)

    def _report(self, deleted: int, failures: Sequence[str]) -> None:
        if deleted:
            self._visit.tell(
                f"{deleted} jobs were deleted." if deleted > 1 else "1 job was deleted."
            )
        if failures:
            self._visit.warn("Not deleted: " + "; ".join(failures[:5]))


def _make_source() -> ListSource:
    return replace(
        make_job_source(),
        path="job/portfolio",
        columns=[
            TableColumn("name", "Name", template=_NAME_CELL),
            TableColumn("version", "Version"),
            TableColumn("score", "Score", is_number=True),
            TableColumn("reasons", "Reasons", template=_REASONS_CELL),
            *UNSORTED_FACTS,
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
