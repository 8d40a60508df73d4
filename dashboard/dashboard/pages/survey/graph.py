"""The graph of who may call whom, and a table with the same facts."""

from dataclasses import dataclass
from typing import Any

from nicegui import PageArguments, ui

from dashboard.components.parts import add_heading
from dashboard.components.plain_table import PlainTable, make_action
from dashboard.components.server_table import Row, TableColumn
from dashboard.links import PageLink
from dashboard.pages.survey.call_graph import ESC, KINDS, CallGraph, list_family_jobs
from dashboard.visit import Visit, make_path

_COLOURS = ["#b98a2f", "#5f7cf0"]
_LIST_CELL = """<span class="rt-wrap">{{ props.row.%s.join(", ") }}</span>"""


@dataclass(frozen=True)
class GraphQuery:
    """The part of the graph that is shown."""

    focus: str = ""
    """The id of the node in focus."""
    is_isolated_hidden: bool = False

    def to_url(self) -> str:
        """Return the path of the page with this part."""
        return make_path(
            "graph", focus=self.focus, isolated="hidden" if self.is_isolated_hidden else ""
        )


async def show_graph(visit: Visit, args: PageArguments) -> None:
    """Show which external consumer and which job may call which job family."""
    add_heading("Graph")
    params = args.query_parameters
    query = GraphQuery(params.get("focus", ""), params.get("isolated") == "hidden")
    page = GraphPage(visit, query)
    page.build()
    await page.load()


class GraphPage:
    """The graph with its controls, its table, and the facts of the node in focus."""

    def __init__(self, visit: Visit, query: GraphQuery) -> None:
        self._visit = visit
        self._query = query
        self._graph = CallGraph({}, [])
        self._chart: ui.echart | None = None

    def build(self) -> None:
        """Add the elements, still without content."""
        with ui.row().classes("rt-toolbar items-center w-full"):
            self._search = ui.select(
                {}, label="Focus on", with_input=True, on_change=self._focus_chosen
            )
            self._search.props("outlined dense clearable").classes("rt-search")
            hide = ui.checkbox("Hide isolated", value=self._query.is_isolated_hidden)
            hide.on_value_change(
                lambda event: self._change(GraphQuery(self._query.focus, bool(event.value)))
            )
        with ui.element("div").classes("rt-columns"):
            self._place = ui.element("div").classes("rt-card rt-graph")
            self._facts = ui.column().classes("rt-card w-full")
        columns = [
            TableColumn("title", "Name"),
            TableColumn("kind", "Kind", is_for_wide_screens=True),
            TableColumn("calls", "May call", template=_LIST_CELL % "calls"),
            TableColumn("callers", "May be called by", template=_LIST_CELL % "callers"),
            TableColumn("actions", "Actions", template=make_action("focus", "Focus")),
        ]
        self._table = PlainTable(
            columns, "There is neither an external consumer nor a job that you may read.", "Callers"
        )
        self._table.on_action("focus", self._focus_row)
        self._visit.on_change({"job", "esc", "permission"}, self.load)

    async def load(self) -> None:
        """Fetch the graph."""
        self._graph = CallGraph.read(await self._visit.api.get("job/graph"))
        self._show()

    def _show(self) -> None:
        names = {key: node["title"] for key, node in self._graph.nodes.items()}
        focus = self._query.focus if self._query.focus in names else None
        self._search.set_options(names, value=focus)
        shown = self._graph.focus(self._query.focus)
        if self._query.is_isolated_hidden:
            shown = shown.hide_isolated()
        self._draw(shown)
        self._table.show([_make_row(shown, node) for node in shown.nodes.values()])
        self._facts.clear()
        with self._facts:
            self._add_facts(self._graph.nodes.get(self._query.focus))

    def _draw(self, shown: CallGraph) -> None:
        if self._chart is None:
            with self._place:
                options = _make_options(shown)
                self._chart = ui.echart(options, on_point_click=self._focus_point)
            self._chart.props(
                'role=img aria-label="Graph of callers; the table has the same facts"'
            ).classes("rt-fill")
        else:
            self._chart.options["series"][0].update(shown.to_chart())
            self._chart.update()

    def _add_facts(self, node: dict[str, Any] | None) -> None:
        if node is None:
            add_heading("Nothing in focus", 2)
            ui.label("Choose a node by a click or by the search to see its callers alone.")
            return
        add_heading(node["title"], 2)
        ui.label(KINDS[node["type"]]).classes("rt-soft")
        if node["type"] == ESC and self._visit.user.is_staff:
            PageLink(
                "Its tokens and permissions", make_path("consumers", node["id"][len("esc-") :])
            )
        for job in list_family_jobs(node["subtitle"]):
            with ui.row().classes("items-center"):
                PageLink(f"{job.name} {job.version}", job.page)
                if job.url:
                    ui.link("Open", job.url, new_tab=True).props(
                        f'rel="noopener noreferrer" aria-label="Open {job.version}"'
                    )

    async def _focus_chosen(self, event: Any) -> None:
        await self._change(GraphQuery(event.value or "", self._query.is_isolated_hidden))

    async def _focus_point(self, event: Any) -> None:
        if isinstance(event.data, dict) and event.data.get("id"):
            await self._change(GraphQuery(event.data["id"], self._query.is_isolated_hidden))

    async def _focus_row(self, row: Row) -> None:
        await self._change(GraphQuery(row["id"], self._query.is_isolated_hidden))

    async def _change(self, query: GraphQuery) -> None:
        if query != self._query:
            self._query = query
            ui.navigate.history.replace(query.to_url())
            self._show()


def _make_options(graph: CallGraph) -> dict[str, Any]:
    categories = [
        {"name": name, "itemStyle": {"color": colour}}
        for name, colour in zip(KINDS.values(), _COLOURS, strict=True)
    ]
    return {
        "legend": [{"data": list(KINDS.values()), "bottom": 0, "textStyle": {"color": "#8a91a3"}}],
        "series": [
            {
                "type": "graph",
                "layout": "circular",
                "roam": True,
                "draggable": True,
                "categories": categories,
                "edgeSymbol": ["none", "arrow"],
                "edgeSymbolSize": 8,
                "label": {"show": True, "position": "bottom", "color": "#8a91a3"},
                "lineStyle": {"color": "#8a91a3", "curveness": 0.1},
                "emphasis": {"focus": "adjacency"},
                **graph.to_chart(),
            }
        ],
    }


def _make_row(graph: CallGraph, node: dict[str, Any]) -> Row:
    return {
        "id": node["id"],
        "label": node["title"],
        "title": node["title"],
        "kind": KINDS[node["type"]],
        "calls": graph.list_called_by(node["id"]),
        "callers": graph.list_callers_of(node["id"]),
    }
