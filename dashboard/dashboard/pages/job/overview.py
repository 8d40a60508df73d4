"""The overview of a job: how it is, where it is, how it is called, and its calls as charts."""

from typing import Any

from nicegui import PageArguments, ui

from dashboard.client.job_calls import JobNotCalled, JobRequest
from dashboard.components.facts import Facts
from dashboard.components.failure import FailureCard
from dashboard.components.marks import choose_kind
from dashboard.components.parts import add_copy_button, add_heading
from dashboard.components.tabs import add_snippet
from dashboard.links import PageLink
from dashboard.pages.job.charts import add_charts
from dashboard.pages.job.openapi import Operation, list_operations
from dashboard.pages.job.opened import OpenedJob
from dashboard.pages.job.snippets import make_curl, make_python
from dashboard.visit import make_path

_SHOWN_VERSIONS = 15
_DOCUMENT_SECONDS = 10
_MEBIBYTE = 1024 * 1024
_USUAL_PATH = "/api/v1/perform"


async def show_overview(job: OpenedJob, _: PageArguments) -> None:
    """Show the overview."""
    failure = FailureCard("The job fails")
    with ui.element("div").classes("rt-columns"):
        with ui.column().classes("rt-card"):
            add_heading("State", 2)
            state = JobState(job)
        with ui.column().classes("rt-card"):
            add_heading("Versions", 2)
            _add_versions(job)
        with ui.column().classes("rt-card"):
            add_heading("Calls", 2)
            charts = add_charts(job)
        with ui.column().classes("rt-card"):
            add_heading("Call it", 2)
            snippets = ui.column().classes("w-full")

    def show() -> None:
        state.show()
        failure.show(job.facts["error"])

    show()
    job.followers.append(show)
    await charts.sample()
    operation = await _choose_operation(job)
    with snippets:
        _add_snippets(job, operation)


class JobState:
    """The facts of a job."""

    def __init__(self, job: OpenedJob) -> None:
        self._job = job
        self._facts = Facts()
        with self._facts.add_line("Address"), ui.row().classes("items-center no-wrap gap-1"):
            address = ui.element("a").props("target=_blank rel=noopener").classes("rt-mono rt-wrap")
            address.props["href"] = job.public_url
            with address:
                ui.label(job.public_url)
            add_copy_button(job.public_url, "Copy the address")

    def show(self) -> None:
        """Show the present facts."""
        job, facts = self._job.facts, self._facts
        facts.show_text("Notice", job["notice"])
        facts.show_text("Job type", job["job_type_version"])
        facts.show_text("Target", job["infrastructure_target"])
        facts.show_text("Replicas", str(max(len(job["replica_internal_names"]), 1)))
        for name, text in describe_use(job["infrastructure_stats"]).items():
            facts.show_text(name, text)
        facts.show_text("Owner", (job["manifest"] or {}).get("owner_email"))
        facts.show_text("Deployed by", job["deployed_by"])
        facts.show_time("Deployed", job["update_time"])
        facts.show_time("First deployed", job["create_time"])
        facts.show_time("Last call", job["last_call_time"])
        facts.show_text("Image", job["image_tag"], is_code=True)


def describe_use(stats: dict[str, Any]) -> dict[str, str]:
    """Return texts about what a job uses, by their names; statistics that only its target knows are shown as they are."""
    texts: dict[str, str] = {}
    for name, value in stats.items():
        if name.endswith("_bytes") and isinstance(value, int | float):
            words = name.removesuffix("_bytes").replace("_", " ").capitalize()
            texts[words] = f"{value / _MEBIBYTE:.0f} MiB"
        else:
            texts[name.replace("_", " ").removeprefix("number of ").capitalize()] = str(value)
    return texts


def _add_versions(job: OpenedJob) -> None:
    shown = job.versions[:_SHOWN_VERSIONS]
    rows = [
        {
            "id": each.version,
            "href": make_path("jobs", job.name, each.version),
            "mark": _describe_version(job, each.version),
            "status": each.status,
            "status_kind": choose_kind(each.status),
        }
        for each in shown
    ]
    columns = [
        {"name": name, "label": label, "field": name, "align": "left"}
        for name, label in (("version", "Version"), ("status", "Status"))
    ]
    table = ui.table(columns=columns, rows=rows, row_key="id").classes("rt-table w-full")
    table.props("flat dense hide-bottom :pagination='{rowsPerPage: 0}'")
    cell = '<a :href="props.row.href">{{ props.row.id }}</a> <span class="rt-soft">{{ props.row.mark }}</span>'
    table.add_slot("body-cell-version", f'<q-td :props="props">{cell}</q-td>')
    chip = """<span :class="'rt-chip is-' + props.row.status_kind">{{ props.row.status }}</span>"""
    table.add_slot("body-cell-status", f'<q-td :props="props">{chip}</q-td>')
    if len(job.versions) > len(shown):
        PageLink(f"All {len(job.versions)} versions", make_path("jobs", search=job.name))


def _describe_version(job: OpenedJob, version: str) -> str:
    marks = [
        text
        for text, is_so in (
            ("this page", version == job.version),
            ("latest", version == job.latest and not job.facts["is_pinned"]),
            ("pinned as latest", version == job.version and job.facts["is_pinned"]),
        )
        if is_so
    ]
    return ", ".join(marks)


async def get_document(job: OpenedJob) -> Any:
    """Return the OpenAPI document of a job; raises JobNotCalled, ValueError if it has none."""
    answer = await job.caller.call(JobRequest("GET", "/openapi.json"), _DOCUMENT_SECONDS)
    if answer.status != 200 or answer.is_cut:
        raise ValueError(f"the job answers {answer.status} {answer.reason} for /openapi.json")
    return answer.read_json()


async def _choose_operation(job: OpenedJob) -> Operation:
    try:
        operations = list_operations(await get_document(job))
    except (JobNotCalled, ValueError):
        operations = []
    return operations[0] if operations else Operation("POST", _USUAL_PATH)


def _add_snippets(job: OpenedJob, operation: Operation) -> None:
    url = f"{job.public_url}{operation.path}"
    body = operation.first_example
    add_snippet("curl", make_curl(url, operation.method, body))
    add_snippet("Python", make_python(url, operation.method, body))
    ui.label("RACETRACK_TOKEN stands for your token; your profile has it.").classes("rt-soft")
