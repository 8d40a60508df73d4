"""The list of jobs: as a flat table, or as a tree of families with their versions."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from nicegui import PageArguments, ui
from nicegui.events import GenericEventArguments
from racetrack_commons.entities.list_orders import JobOrder
from starlette.datastructures import QueryParams

from dashboard.client.api import ListPage
from dashboard.components.marks import STATUS_CELL, choose_kind, make_time_cell
from dashboard.components.parts import add_heading
from dashboard.components.server_table import Filter, ListSource, Row, ServerTable, TableColumn
from dashboard.components.tabs import add_snippet, add_tabs
from dashboard.links import PageLink
from dashboard.visit import Visit, make_path

_NOTICE = """<q-icon v-if="props.row.notice" name="info" size="18px" class="rt-notice" role="img"
    :aria-label="'Notice: ' + props.row.notice"><q-tooltip>{{ props.row.notice }}</q-tooltip></q-icon>"""
_NAME_CELL = (
    """<a :href="props.row.href" class="text-weight-bold">{{ props.row.name }}</a> """ + _NOTICE
)
_STATUSES = {name: name for name in ("running", "error", "lost", "starting", "created")}
_FILTERS = [
    Filter("status", "Status", _STATUSES),
    Filter("job_type", "Job type"),
    Filter("target", "Target"),
    Filter("owner", "Owner"),
]
_MOST_JOBS = 1000
_TREE = "tree"
JOB_FACTS = [
    TableColumn("status", "Status", sort=JobOrder.STATUS, template=STATUS_CELL),
    TableColumn("job_type", "Job type", is_for_wide_screens=True),
    TableColumn("target", "Target", is_for_wide_screens=True),
    TableColumn("deployed_by", "Deployed by", is_for_wide_screens=True),
    TableColumn(
        "updated",
        "Deployed",
        sort=JobOrder.LATEST_JOB,
        template=make_time_cell("updated"),
        is_for_wide_screens=True,
    ),
    TableColumn("called", "Last call", template=make_time_cell("called"), is_for_wide_screens=True),
]
"""The columns of a job, in any list of jobs."""
_BODY = f"""
<q-tr :props="props" :key="props.row.id">
  <q-td colspan="100%">
    <q-btn flat dense no-caps align="left" :icon="props.row.is_open ? 'expand_more' : 'chevron_right'"
      :aria-expanded="props.row.is_open" class="rt-family" @click="$parent.$emit('toggle', props.row.id)">
      <span class="text-weight-bold q-mr-sm">{{{{ props.row.id }}}}</span>
      <span class="rt-soft q-mr-sm">{{{{ props.row.count }}}}</span>
      <span v-for="each in props.row.statuses" :class="'q-mr-xs rt-chip is-' + each.kind">{{{{ each.text }}}}</span>
    </q-btn>
  </q-td>
</q-tr>
<q-tr v-for="row in props.row.versions" :key="row.id" class="rt-version">
  <q-td><a :href="row.href">{{{{ row.version }}}}</a> {_NOTICE.replace("props.row", "row")}</q-td>
  <q-td>{STATUS_CELL.replace("props.row", "row")}</q-td>
  <q-td class="only-wide">{{{{ row.job_type }}}}</q-td>
  <q-td class="only-wide">{{{{ row.target }}}}</q-td>
  <q-td class="only-wide">{{{{ row.deployed_by }}}}</q-td>
  <q-td class="only-wide">{make_time_cell("updated").replace("props.row", "row")}</q-td>
  <q-td class="only-wide">{make_time_cell("called").replace("props.row", "row")}</q-td>
</q-tr>
"""


async def show_jobs(visit: Visit, args: PageArguments) -> None:
    """Show the jobs that the visitor may read."""
    params = args.query_parameters
    is_tree = params.get("view") == _TREE
    with ui.row().classes("w-full items-center justify-between"):
        add_heading("Jobs")
        PageLink("Deploy a job", make_path("jobs", "deploy")).classes("rt-button")
    search = params.get("search", "")
    views = {
        "All versions": make_path("jobs", search=search),
        "By family": make_path("jobs", view=_TREE, search=search),
    }
    add_tabs("Views of the jobs", views, "By family" if is_tree else "All versions")
    table = FamilyTable(visit, params) if is_tree else JobTable(visit, params, make_job_source())
    await table.load()


class JobTable(ServerTable):
    """A table of jobs; while there are none at all, it says how the first one comes here."""

    def __init__(self, visit: Visit, params: QueryParams, source: ListSource) -> None:
        super().__init__(visit, source, params, make_path("jobs"))
        with ui.column().classes("rt-card w-full") as self._hint:
            add_heading("Deploy a first job", 2)
            url, user = visit.shared.config.get_lifecycle_url(), visit.user.username
            login = f"racetrack set remote {url}\nracetrack login --username {user}"
            add_snippet("Log in from your machine", login)
            add_snippet("Deploy the directory that has a job.yaml", "racetrack deploy")
        self._hint.set_visibility(False)

    def _show(self, page: ListPage) -> None:
        super()._show(page)
        is_narrowed = bool(self.query.search or self.query.filters)
        self._hint.set_visibility(page.total == 0 and not is_narrowed)


class FamilyTable(JobTable):
    """A table of families, each of which can be opened; the URL has those that are open."""

    def __init__(self, visit: Visit, params: QueryParams) -> None:
        self._open = set(filter(None, params.get("open", "").split(",")))
        self._jobs: dict[str, list[Row]] = {}
        self._jobs_tag = ""
        super().__init__(visit, params, _make_family_source(self._make_row))
        self.table.add_slot("body", _BODY)
        self.table.on("toggle", self._toggle)

    async def load(self) -> None:
        """Fetch the families of the page, and their jobs."""
        await super().load()
        names = [row["id"] for row in self.table.rows]
        if not names:
            return
        params: dict[str, Any] = {"family": names, "sort": JobOrder.NAME, "limit": _MOST_JOBS}
        params["manifests"] = False
        page = await self._visit.api.find_page("job", params, self._jobs_tag)
        if page is not None:
            self._jobs_tag = page.tag
            self._jobs = _group_by_family(page.items)
            self._show_rows(names)

    def _toggle(self, event: GenericEventArguments) -> None:
        self._open ^= {str(event.args)}
        self.keep_in_url("open", ",".join(sorted(self._open)))
        self._show_rows([row["id"] for row in self.table.rows])

    def _show_rows(self, names: list[str]) -> None:
        self.table.rows = [self._make_row({"name": name}) for name in names]

    def _make_row(self, family: dict[str, Any]) -> Row:
        name = family["name"]
        jobs = self._jobs.get(name, [])
        is_open = name in self._open
        return {
            "id": name,
            "is_open": is_open,
            "versions": jobs if is_open else [],
            "count": _count_versions(len(jobs)),
            "statuses": count_statuses(job["status"] for job in jobs),
        }


def count_statuses(statuses: Iterable[str]) -> list[dict[str, str]]:
    """Return a mark for each status, with its number of jobs, failing ones first."""
    counts = Counter(statuses)
    order = {"bad": 0, "wait": 1, "soft": 2, "good": 3}
    found = sorted(counts.items(), key=lambda item: (order[choose_kind(item[0])], item[0]))
    return [{"text": f"{count} {status}", "kind": choose_kind(status)} for status, count in found]


def make_job_source() -> ListSource:
    """Return the list of jobs."""
    return ListSource(
        path="job",
        columns=[
            TableColumn("name", "Name", sort=JobOrder.NAME, template=_NAME_CELL),
            TableColumn("version", "Version"),
            *JOB_FACTS,
        ],
        make_row=make_job_row,
        kinds=frozenset({"job"}),
        empty_text="No job is here yet, or none that matches.",
        search_label="Search jobs",
        filters=_FILTERS,
        params={"manifests": "false"},
    )


def _make_family_source(make_row: Callable[[dict[str, Any]], Row]) -> ListSource:
    first = TableColumn("version", "Family and version")
    return ListSource(
        path="job_family",
        columns=[first, *(replace(column, sort="") for column in JOB_FACTS)],
        make_row=make_row,
        kinds=frozenset({"job"}),
        empty_text="No job family is here yet, or none that matches.",
        search_label="Search families",
    )


def _group_by_family(jobs: list[dict[str, Any]]) -> dict[str, list[Row]]:
    families: dict[str, list[Row]] = {}
    for job in jobs:
        families.setdefault(job["name"], []).append(make_job_row(job))
    return families


def _count_versions(count: int) -> str:
    return "" if not count else "1 version" if count == 1 else f"{count} versions"


def make_job_row(job: dict[str, Any]) -> Row:
    """Return the row of a job, for any list of jobs."""
    return {
        "id": job["id"],
        "name": job["name"],
        "version": job["version"],
        "href": make_path("jobs", job["name"], job["version"]),
        "notice": job["notice"] or "",
        "status": job["status"],
        "status_kind": choose_kind(job["status"]),
        "job_type": job["job_type_version"],
        "target": job["infrastructure_target"] or "",
        "deployed_by": job["deployed_by"] or "",
        "updated": job["update_time"],
        "called": job["last_call_time"] or 0,
    }
