"""The pages of records: the rows of any table, for staff."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote

from nicegui import PageArguments, ui
from racetrack_commons.entities.records import SECURITY_TABLES, RecordOperator

from dashboard.components.dialogs import confirm
from dashboard.components.parts import add_heading, refuse_non_staff
from dashboard.components.plain_table import PlainTable
from dashboard.components.server_table import TableColumn, make_checkbox
from dashboard.components.spreadsheet import write_csv
from dashboard.links import PageLink
from dashboard.pages.platform.record_fields import make_cell
from dashboard.visit import Visit, make_path
from dashboard.web.session import BASE_PATH

_PAGE = 50
_MOST_CSV_ROWS = 10_000
OPERATORS = {
    RecordOperator.EQUAL: "=",
    RecordOperator.UNEQUAL: "≠",
    RecordOperator.CONTAINS: "contains",
    RecordOperator.BELOW: "<",
    RecordOperator.ABOVE: ">",
    RecordOperator.EMPTY: "is empty",
    RecordOperator.FILLED: "is not empty",
}
"""The texts of the operators of a condition."""
_KEY_CELL = """<a :href="props.row.href">{{ props.row.%s }}</a>"""


async def show_tables(visit: Visit) -> None:
    """Show the tables."""
    if refuse_non_staff(visit, "Records"):
        return
    add_heading("Records")
    ui.label(
        "The rows of the database. Most have a page of their own, which is the better place to change them."
    ).classes("rt-soft")
    tables = await visit.api.get("records/tables")
    with ui.column().classes("rt-card rt-narrow"):
        for table in sorted(tables, key=lambda table: table["plural_name"]):
            with ui.row().classes("w-full justify-between"):
                PageLink(table["plural_name"], make_path("records", table["table_name"]))
                ui.label(table["table_name"]).classes("rt-soft")


@dataclass(frozen=True)
class ShownRecords:
    """The part of a table that is shown."""

    column: str = ""
    """The column of the condition; an empty text means no condition."""
    operator: RecordOperator = RecordOperator.EQUAL
    value: str = ""
    sort: str = ""
    page: int = 1

    @classmethod
    def read(cls, params: Mapping[str, str]) -> "ShownRecords":
        """Return the part of the table that a URL asks for; what makes no sense there is left out."""
        number, operator = params.get("page", ""), params.get("operator", "")
        return cls(
            params.get("column", ""),
            RecordOperator(operator) if operator in OPERATORS else RecordOperator.EQUAL,
            params.get("value", ""),
            params.get("sort", ""),
            max(int(number), 1) if number.isdecimal() and len(number) < 7 else 1,
        )

    def to_url(self) -> dict[str, str]:
        """Return the parameters of the page's URL."""
        return {
            "column": self.column,
            "operator": "" if self.operator is RecordOperator.EQUAL else self.operator,
            "value": self.value,
            "sort": self.sort,
            "page": str(self.page) if self.page > 1 else "",
        }

    def list_conditions(self) -> list[dict[str, str]]:
        """Return the condition as Lifecycle reads it, or nothing while it is incomplete."""
        if not self.column or (self.operator.needs_value and not self.value):
            return []
        return [{"column": self.column, "operator": self.operator, "value": self.value}]

    def to_payload(self) -> dict[str, Any]:
        """Return the query as Lifecycle reads it."""
        return {
            "offset": (self.page - 1) * _PAGE,
            "limit": _PAGE,
            "order_by": [self.sort] if self.sort else None,
            "conditions": self.list_conditions(),
        }


async def show_records(visit: Visit, args: PageArguments, table: str) -> None:
    """Show the rows of a table."""
    if refuse_non_staff(visit, "Records"):
        return
    name = unquote(table)
    metadata = await visit.api.get(f"records/table/{quote(name, safe='')}/metadata")
    page = RecordsPage(visit, metadata, ShownRecords.read(args.query_parameters))
    page.build()
    await page.load()


class RecordsPage:
    """The rows of a table, page by page."""

    def __init__(self, visit: Visit, metadata: dict[str, Any], query: ShownRecords) -> None:
        self._visit = visit
        self._metadata = metadata
        self._query = query
        self._table_name: str = metadata["table_name"]
        self._path = f"records/table/{quote(self._table_name, safe='')}"

    def build(self) -> None:
        """Add the elements, still without content."""
        PageLink("All tables", make_path("records"))
        add_heading(self._metadata["plural_name"])
        with ui.row().classes("rt-toolbar items-center w-full"):
            self._add_filter()
            ui.space()
            csv = ui.button("CSV", icon="download", on_click=self._download)
            csv.props('outline no-caps aria-label="Download the rows as CSV"')
            add_write_buttons(self._visit, self._table_name, self._delete)
        shown: Sequence[str] = self._metadata["main_columns"]
        key = self._metadata["primary_key_column"]
        self._table = PlainTable(
            [
                TableColumn(name, name, template=_KEY_CELL % name if name == key else "")
                for name in shown
            ],
            "There is no such row.",
            self._metadata["plural_name"],
            row_key=key,
        )
        self._table.table.props("hide-pagination")
        self._table.table.pagination = {"rowsPerPage": 0}
        self._table.table.set_selection("multiple")
        for slot, label in (("header", "'Select all'"), ("body", "'Select ' + props.row.label")):
            self._table.table.add_slot(f"{slot}-selection", make_checkbox(label))
        with ui.row().classes("w-full justify-end items-center"):
            self._range = ui.label().classes("rt-soft")
            self._back = ui.button("Previous", on_click=lambda: self._turn(-1))
            self._on = ui.button("Next", on_click=lambda: self._turn(1))
            for button in (self._back, self._on):
                button.props("outline no-caps")

    def _add_filter(self) -> None:
        columns: list[str] = self._metadata["all_columns"]
        query = self._query
        column = _add_choice("Column", columns, query.column)
        operator = ui.select(dict(OPERATORS), label="Condition", value=query.operator)
        operator.props("outlined dense options-dense").classes("rt-filter")
        value = ui.input("Value", value=query.value).props("debounce=400 outlined dense clearable")
        value.classes("rt-filter").bind_enabled_from(
            operator, "value", lambda each: RecordOperator(each).needs_value
        )
        sort = _add_choice("Sort by", columns, query.sort.removeprefix("-"))
        down = ui.checkbox("Downwards", value=query.sort.startswith("-"))

        async def change() -> None:
            prefix = "-" if down.value and sort.value else ""
            await self._change(
                ShownRecords(
                    column.value or "",
                    RecordOperator(operator.value),
                    (value.value or "").strip(),
                    f"{prefix}{sort.value or ''}",
                )
            )

        for box in (column, operator, value, sort, down):
            box.on_value_change(change)

    async def load(self) -> None:
        """Fetch the rows."""
        with self._visit.reporting("The rows could not be fetched"):
            payload = self._query.to_payload()
            total = await self._visit.api.post(
                f"{self._path}/count", {"conditions": payload["conditions"]}
            )
            found = await self._visit.api.post(f"{self._path}/list", payload)
            self._table.show([self._make_row(record["fields"]) for record in found["records"]])
            first = payload["offset"]
            last = first + len(found["records"])
            self._range.text = f"{first + 1} to {last} of {total}" if total else ""
            self._back.set_enabled(first > 0)
            self._on.set_enabled(last < total)

    def _make_row(self, fields: dict[str, Any]) -> dict[str, Any]:
        key = self._metadata["primary_key_column"]
        cells = {name: make_cell(name, value) for name, value in fields.items()}
        row_id = str(fields[key])
        href = make_path("records", self._table_name, row_id)
        return {**cells, key: row_id, "href": href, "label": row_id}

    async def _delete(self) -> None:
        key = self._metadata["primary_key_column"]
        ids = [row[key] for row in self._table.table.selected]
        if not ids:
            self._visit.warn("Select the rows to delete.")
            return
        consequence = "What belongs to them goes with them; jobs are stopped.\n" + "\n".join(
            ids[:20]
        )
        if await confirm(f"Delete {len(ids)} rows?", "Delete", consequence):
            with self._visit.reporting("The rows were not deleted"):
                await self._visit.api.delete(f"{self._path}/many", {"record_ids": ids})
                self._table.table.selected = []
                await self.load()

    async def _download(self) -> None:
        """Give the columns of the list, of all rows that meet the condition, as a file."""
        columns: Sequence[str] = self._metadata["main_columns"]
        payload = {
            **self._query.to_payload(),
            "columns": columns,
            "offset": 0,
            "limit": _MOST_CSV_ROWS,
        }
        with self._visit.reporting("The rows could not be fetched"):
            found = await self._visit.api.post(f"{self._path}/list", payload)
            rows = [record["fields"] for record in found["records"]]
            content = write_csv({name: name for name in columns}, rows)
            ui.download.content(content, f"{self._table_name}.csv", "text/csv")
            if len(rows) == _MOST_CSV_ROWS:
                self._visit.warn(f"The file has the first {_MOST_CSV_ROWS} rows only.")

    async def _turn(self, pages: int) -> None:
        await self._change(replace(self._query, page=self._query.page + pages))

    async def _change(self, query: ShownRecords) -> None:
        if query == self._query:
            return
        self._query = query
        ui.navigate.history.replace(make_path("records", self._table_name, **query.to_url()))
        await self.load()


def add_write_buttons(visit: Visit, table: str, delete: Any) -> None:
    """Add the buttons that create and delete; those whom Lifecycle refuses read the reason."""
    create = ui.button(
        "New row",
        icon="add",
        on_click=lambda: ui.navigate.to(make_path("records", table, "new")[len(BASE_PATH) :]),
    ).props("unelevated no-caps")
    remove = ui.button("Delete", icon="delete", on_click=delete)
    remove.props("outline no-caps color=negative")
    if not may_write(visit, table):
        for button in (create, remove):
            button.props("disable")
            button.tooltip("This table gives power: superusers alone change it.")


def may_write(visit: Visit, table: str) -> bool:
    """Return whether the visitor may change rows of a table."""
    return visit.user.is_superuser or table not in SECURITY_TABLES


def _add_choice(label: str, columns: Sequence[str], value: str) -> ui.select:
    known = value if value in columns else None
    choice = ui.select(list(columns), label=label, value=known)
    return choice.props("outlined dense clearable options-dense").classes("rt-filter")
