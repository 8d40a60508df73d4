"""A table of rows that are all there, sorted and paged in the browser."""

from collections.abc import Callable, Sequence
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from dashboard.components.server_table import Row, TableColumn

_PAGE_SIZES = [25, 50, 100, 0]


class PlainTable:
    """The table; `show` fills it, again after each change, and keeps the order and page that the visitor chose."""

    def __init__(
        self, columns: Sequence[TableColumn], empty_text: str, label: str, *, row_key: str = "id"
    ) -> None:
        table = ui.table(
            columns=[column.to_quasar() for column in columns],
            rows=[],
            row_key=row_key,
            pagination={"rowsPerPage": _PAGE_SIZES[0]},
        )
        table.classes("rt-table w-full").props("flat bordered loading binary-state-sort")
        table.props(f":rows-per-page-options='{_PAGE_SIZES}'")
        table.props["table-aria-label"] = label
        for column in columns:
            if column.template:
                cell = f'<q-td :props="props">{column.template}</q-td>'
                table.add_slot(f"body-cell-{column.name}", cell)
        with table.add_slot("no-data"), ui.row().classes("rt-empty items-center"):
            ui.icon("inbox", size="md").props("aria-hidden=true")
            ui.label(empty_text)
        self.table = table

    def show(self, rows: list[Row]) -> None:
        """Show these rows."""
        self.table.rows = rows
        self.table.props(remove="loading")

    def on_action(self, name: str, act: Callable[[Row], Any]) -> None:
        """Call a function with the row when its button of this name is pressed; see `make_action`."""

        def handle(event: GenericEventArguments) -> Any:
            key = self.table.row_key
            row = next((row for row in self.table.rows if row[key] == event.args), None)
            return act(row) if row else None

        self.table.on(name, handle)


def make_action(name: str, label: str, *, shown_if: str = "true", row_key: str = "id") -> str:
    """Return the template of a button in a cell; `shown_if` is an expression in Vue's language about `props.row`."""
    return (
        f'<q-btn v-if="{shown_if}" flat dense no-caps label="{label}"'
        f""" :aria-label="'{label} ' + (props.row.label || '')" """
        f"""@click="$parent.$emit('{name}', props.row.{row_key})" />"""
    )
