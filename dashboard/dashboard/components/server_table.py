"""A table whose rows Lifecycle searches, sorts, filters and pages; its state is in the URL, and changes appear by themselves."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from nicegui import ui
from nicegui.events import GenericEventArguments
from starlette.datastructures import QueryParams

from dashboard.client.api import ListPage
from dashboard.visit import Visit

Row = dict[str, Any]
PAGE_SIZES = [10, 25, 50, 100, 200]
_SIZE = 50
_LOADING = '<q-inner-loading showing role="status" label="Loading" />'
_LARGEST_PAGE = 1000
"""The most items that Lifecycle puts on a page."""
_OWN_PARAMETERS = ("search", "sort", "page", "size")


@dataclass(frozen=True)
class TableColumn:
    """A column of a table."""

    name: str
    """The key of the row that has the text of the cell."""
    label: str
    sort: str = ""
    """Lifecycle's name of the order by this column; without one, the column can't be sorted."""
    template: str = ""
    """The Vue template of a cell, in which `props.row` is the row; without one, the cell has the text."""
    is_for_wide_screens: bool = False
    """True if the column is left out on phones."""
    is_number: bool = False

    def to_quasar(self) -> dict[str, Any]:
        """Return the column as Quasar's table describes it."""
        classes = "only-wide" if self.is_for_wide_screens else ""
        return {
            "name": self.name,
            "label": self.label,
            "field": self.name,
            "align": "right" if self.is_number else "left",
            "sortable": bool(self.sort),
            "classes": classes,
            "headerClasses": classes,
        }


@dataclass(frozen=True)
class Filter:
    """A choice above a table that lets only some rows pass."""

    name: str
    """The name of Lifecycle's parameter."""
    label: str
    choices: Mapping[str, str] | None = None
    """Texts by value; without choices, any text can be typed."""


@dataclass(frozen=True)
class ListQuery:
    """The part of a list that a table shows."""

    search: str = ""
    sort: str = ""
    """The name of an order, after a minus if it is reversed."""
    page: int = 1
    size: int = _SIZE
    filters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, params: QueryParams, filters: Collection[str]) -> "ListQuery":
        """Return the query that a URL holds; what makes no sense there is left out."""
        page, size = (_read_number(params.get(name, "")) for name in ("page", "size"))
        return cls(
            search=params.get("search", ""),
            sort=params.get("sort", ""),
            page=max(page or 1, 1),
            size=size if size in PAGE_SIZES else _SIZE,
            filters={name: params[name] for name in filters if params.get(name)},
        )

    def to_url(self) -> dict[str, str]:
        """Return the parameters of the page's URL."""
        page = str(self.page) if self.page > 1 else ""
        size = str(self.size) if self.size != _SIZE else ""
        values = {"search": self.search, "sort": self.sort, "page": page, "size": size}
        return {name: value for name, value in {**values, **self.filters}.items() if value}

    def to_params(self) -> dict[str, str | int]:
        """Return the parameters of Lifecycle's lists."""
        offset = (self.page - 1) * self.size
        own: dict[str, str | int] = {"limit": self.size, "offset": offset}
        return {**own, "search": self.search, "sort": self.sort, **self.filters}


@dataclass(frozen=True)
class ListSource:
    """The list that a table shows."""

    path: str
    """The list's path below Lifecycle's `/api/v1/`."""
    columns: list[TableColumn]
    make_row: Callable[[dict[str, Any]], Row]
    """Makes a row of an item; each has a unique `id`."""
    kinds: frozenset[str]
    """The kinds of changes after which the list is fetched again."""
    empty_text: str
    """The text that is shown instead of rows: what would be here, and how it comes here."""
    search_label: str = "Search"
    filters: list[Filter] = field(default_factory=list)
    params: Mapping[str, str | bool] = field(default_factory=dict)
    """Parameters of every request."""
    row_key: str = "id"


class ServerTable:
    """The table; `await load()` fills it."""

    def __init__(
        self,
        visit: Visit,
        source: ListSource,
        url_params: QueryParams,
        url_path: str,
        *,
        selection: str | None = None,
    ) -> None:
        self._visit = visit
        self._source = source
        self._url_path = url_path
        self._query = ListQuery.read(url_params, [each.name for each in source.filters])
        self._kept = {
            name: value
            for name, value in url_params.items()
            if name not in _OWN_PARAMETERS and name not in self._query.filters
        }
        self._tag = ""
        self._total = 0
        with ui.row().classes("rt-toolbar items-center w-full"):
            self._add_search()
            for each in source.filters:
                self._add_filter(each)
            ui.space()
            self.actions = ui.row().classes("items-center")
            """The place for buttons of the page."""
        self.table = self._add_table(selection)
        visit.on_change(source.kinds, self.load)

    @property
    def query(self) -> ListQuery:
        """The part of the list that is shown."""
        return self._query

    @property
    def total(self) -> int:
        """The number of rows on all pages."""
        return self._total

    async def load(self) -> None:
        """Fetch the rows; what is selected, expanded and scrolled stays if nothing has changed."""
        params = {**self._query.to_params(), **self._source.params}
        page = await self._visit.api.find_page(self._source.path, params, self._tag)
        if page is not None:
            self._show(page)

    async def collect_items(self) -> list[dict[str, Any]]:
        """Return the items of all pages that match the present search and filters."""
        params = {**self._query.to_params(), **self._source.params, "limit": _LARGEST_PAGE}
        items: list[dict[str, Any]] = []
        while True:
            page = await self._visit.api.find_page(
                self._source.path, {**params, "offset": len(items)}
            )
            items += page.items if page else []
            if not page or not page.items or len(items) >= page.total:
                return items

    async def change(self, query: ListQuery) -> None:
        """Show another part of the list, and keep the URL in step."""
        if query == self._query:
            return
        self._query, self._tag = query, ""
        self._write_url()
        with self._visit.reporting("The list could not be fetched"):
            await self.load()

    def keep_in_url(self, name: str, value: str) -> None:
        """Keep a value of the page in the URL, beside those of the table."""
        self._kept[name] = value
        self._write_url()

    def _write_url(self) -> None:
        given = {name: value for name, value in self._kept.items() if value}
        url = urlencode({**given, **self._query.to_url()})
        ui.navigate.history.replace(f"{self._url_path}?{url}" if url else self._url_path)

    def _show(self, page: ListPage) -> None:
        self._tag, self._total = page.tag, page.total
        self.table.rows = [self._source.make_row(item) for item in page.items]
        self.table.pagination = self._make_pagination()
        self.table.props(remove="loading")
        keys = {row[self._source.row_key] for row in self.table.rows}
        self.table.selected = [
            row for row in self.table.selected if row[self._source.row_key] in keys
        ]

    def _add_search(self) -> None:
        async def search(event: Any) -> None:
            await self.change(replace(self._query, search=(event.value or "").strip(), page=1))

        box = ui.input(self._source.search_label, value=self._query.search, on_change=search)
        box.props("outlined dense clearable debounce=100 type=search").classes("rt-search")
        box.props('input-class="rt-search-input"')
        with box.add_slot("prepend"):
            ui.icon("search")

    def _add_filter(self, wanted: Filter) -> None:
        async def choose(event: Any) -> None:
            filters = {**self._query.filters, wanted.name: (event.value or "").strip()}
            given = {name: value for name, value in filters.items() if value}
            await self.change(replace(self._query, filters=given, page=1))

        value = self._query.filters.get(wanted.name)
        if wanted.choices is None:
            box: Any = ui.input(wanted.label, value=value or "", on_change=choose)
            box.props("debounce=300")
        else:
            known = value if value in wanted.choices else None
            box = ui.select(dict(wanted.choices), label=wanted.label, value=known, on_change=choose)
            box.props("options-dense")
        box.props("outlined dense clearable").classes("rt-filter")

    def _add_table(self, selection: str | None) -> ui.table:
        table = ui.table(
            columns=[column.to_quasar() for column in self._source.columns],
            rows=[],
            row_key=self._source.row_key,
            pagination=self._make_pagination(),
            selection=selection,  # type: ignore[arg-type]
        )
        table.classes("rt-table w-full").props("flat bordered loading binary-state-sort")
        table.props(f":rows-per-page-options='{PAGE_SIZES}'")
        # A browser that opens the page tells its first pagination, which may be older than the rows.
        table.on_pagination_change(self._restore_pagination)
        table.on("request", self._turn, js_handler="(event) => emit(event.pagination)")
        for column in self._source.columns:
            if column.template:
                cell = f'<q-td :props="props">{column.template}</q-td>'
                table.add_slot(f"body-cell-{column.name}", cell)
        table.add_slot("loading", _LOADING)
        if selection:
            table.add_slot("header-selection", make_checkbox("'Select all on this page'"))
            table.add_slot(
                "body-selection", make_checkbox("'Select ' + (props.row.label || props.key)")
            )
        with table.add_slot("no-data"), ui.row().classes("rt-empty items-center"):
            ui.icon("inbox", size="md")
            ui.label(self._source.empty_text)
        return table

    async def _turn(self, event: GenericEventArguments) -> None:
        wanted = event.args
        orders = {column.name: column.sort for column in self._source.columns}
        order = orders.get(wanted.get("sortBy") or "", "")
        sort = f"-{order}" if order and wanted.get("descending") else order
        size = wanted.get("rowsPerPage") or _SIZE
        page = int(wanted.get("page") or 1)
        await self.change(replace(self._query, sort=sort, page=page, size=int(size)))

    def _restore_pagination(self) -> None:
        wanted = self._make_pagination()
        if self.table.pagination != wanted:
            self.table.pagination = wanted

    def _make_pagination(self) -> dict[str, Any]:
        order = self._query.sort.removeprefix("-")
        column = next(
            (each.name for each in self._source.columns if order and each.sort == order), None
        )
        return {
            "page": self._query.page,
            "rowsPerPage": self._query.size,
            "rowsNumber": self._total,
            "sortBy": column,
            "descending": self._query.sort.startswith("-"),
        }


def make_checkbox(label: str) -> str:
    """Return the checkbox of a row that can be selected; the label is an expression in Vue's language."""
    return f"""<q-checkbox v-model="props.selected" dense :aria-label="{label}" />"""


def _read_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None
