"""The form of a record: a field for each column of its table."""

import asyncio
from typing import Any
from urllib.parse import quote, unquote

from nicegui import ui

from dashboard.components.dialogs import confirm
from dashboard.components.parts import add_heading, refuse_non_staff
from dashboard.links import PageLink
from dashboard.pages.platform.record_choice import RecordChoice
from dashboard.pages.platform.record_fields import RecordField, list_fields
from dashboard.pages.platform.record_pages import may_write
from dashboard.visit import Visit, make_path
from dashboard.web.session import BASE_PATH


async def show_record(visit: Visit, table: str, record_id: str) -> None:
    """Show a row, which can be changed and deleted."""
    if refuse_non_staff(visit, "Record"):
        return
    name, key = unquote(table), unquote(record_id)
    path = f"records/table/{quote(name, safe='')}"
    metadata = await visit.api.get(f"{path}/metadata")
    record = await visit.api.get(f"{path}/id/{quote(key, safe='')}")
    await RecordForm(visit, metadata, record["fields"]).build_for(key)


async def show_new_record(visit: Visit, table: str) -> None:
    """Show the form of a row that does not exist yet."""
    if refuse_non_staff(visit, "Record"):
        return
    metadata = await visit.api.get(f"records/table/{quote(unquote(table), safe='')}/metadata")
    await RecordForm(visit, metadata, {}).build_new()


class RecordForm:
    """The fields of a row, and what is done with them."""

    def __init__(self, visit: Visit, metadata: dict[str, Any], values: dict[str, Any]) -> None:
        self._visit = visit
        self._table: str = metadata["table_name"]
        self._title: str = metadata["class_name"]
        self._path = f"records/table/{quote(self._table, safe='')}"
        self._fields = list_fields(metadata)
        self._values = values
        self._boxes: dict[str, Any] = {}

    async def build_for(self, key: str) -> None:
        """Add the fields of a row, and the buttons that save and delete it."""
        self._add_fields(f"{self._title} {key}")
        path = f"{self._path}/id/{quote(key, safe='')}"

        async def save() -> None:
            with self._visit.reporting("The row was not saved"):
                await self._send("PUT", path)

        async def delete() -> None:
            question = f"Delete {self._title} {key}?"
            if await confirm(question, "Delete", "What belongs to it goes with it."):
                with self._visit.reporting("The row was not deleted"):
                    await self._visit.api.delete(path)
                    self._go_back()

        with ui.row():
            buttons = [
                ui.button("Save", on_click=save).props("unelevated no-caps"),
                ui.button("Delete", on_click=delete).props("outline no-caps color=negative"),
            ]
        self._restrict(buttons)
        await self._load_choices()

    async def build_new(self) -> None:
        """Add empty fields, and the button that creates the row."""
        self._add_fields(f"New {self._title}")

        async def create() -> None:
            with self._visit.reporting("The row was not made"):
                await self._send("POST", self._path)

        self._restrict([ui.button("Create", on_click=create).props("unelevated no-caps")])
        await self._load_choices()

    async def _send(self, method: str, path: str) -> None:
        try:
            fields = self._collect_changes()
        except ValueError as error:
            self._visit.warn(str(error))
            return
        await self._visit.api.send(method, path, json={"fields": fields})
        self._visit.tell("The row was saved.")
        self._go_back()

    def _collect_changes(self) -> dict[str, Any]:
        changes = {}
        for field in self._fields:
            if field.name in self._boxes:
                value = self._boxes[field.name].value
                text = str(value).lower() if isinstance(value, bool) else str(value or "")
                if text != field.to_text(self._values.get(field.name)):
                    changes[field.name] = field.read(text)
        return changes

    def _add_fields(self, title: str) -> None:
        PageLink("All rows of the table", make_path("records", self._table))
        add_heading(title)
        with ui.column().classes("rt-card rt-form w-full"):
            for field in self._fields:
                self._add_field(field)

    def _add_field(self, field: RecordField) -> None:
        text = field.to_text(self._values.get(field.name))
        label = f"{field.name} (may be empty)" if field.is_optional else field.name
        if field.is_fixed:
            ui.input(label, value=text).props("outlined dense readonly").classes("w-full")
        elif field.type == "bool":
            self._boxes[field.name] = ui.checkbox(field.name, value=text == "true")
        elif field.choices:
            known = text if text in field.choices else None
            box = ui.select(list(field.choices), label=label, value=known)
            self._boxes[field.name] = box.props("outlined dense").classes("w-full")
        elif field.foreign_table:
            self._boxes[field.name] = RecordChoice(self._visit, field.foreign_table, label, text)
        else:
            area = ui.textarea(label, value=text).props("outlined dense autogrow")
            self._boxes[field.name] = area.classes("w-full")

    async def _load_choices(self) -> None:
        choices = [box for box in self._boxes.values() if isinstance(box, RecordChoice)]
        await asyncio.gather(*(choice.load() for choice in choices))

    def _restrict(self, buttons: list[ui.button]) -> None:
        if not may_write(self._visit, self._table):
            for button in buttons:
                button.props("disable")
            ui.label("This table gives power: superusers alone change it.").classes("rt-banner")

    def _go_back(self) -> None:
        ui.navigate.to(make_path("records", self._table)[len(BASE_PATH) :])
