"""The pages of external consumers: programs outside the platform, their tokens and permissions."""

import re
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote, unquote

from nicegui import PageArguments, ui

from dashboard.components.dialogs import confirm, form_dialog, show_once
from dashboard.components.marks import make_time_cell
from dashboard.components.parts import add_facts, add_heading, refuse_non_staff
from dashboard.components.plain_table import PlainTable, make_action
from dashboard.components.server_table import ListSource, Row, ServerTable, TableColumn
from dashboard.links import PageLink
from dashboard.visit import Visit, make_path
from dashboard.web.session import BASE_PATH

_NAME_CELL = """<a :href="props.row.href" class="text-weight-bold">{{ props.row.name }}</a>"""
_EXPIRY_CELL = f"""<template v-if="props.row.expires">{make_time_cell("expires")}</template>
<template v-else>never</template>"""
_STATE_CELL = """<span :class="'rt-chip is-' + props.row.kind">{{ props.row.state }}</span>"""


async def show_consumers(visit: Visit, args: PageArguments) -> None:
    """Show all external consumers."""
    if refuse_non_staff(visit, "External consumers"):
        return
    add_heading("External consumers")
    source = ListSource(
        path="escs",
        columns=[
            TableColumn("name", "Name", template=_NAME_CELL),
            TableColumn("id", "Id", is_for_wide_screens=True),
        ],
        make_row=_make_row,
        kinds=frozenset({"esc"}),
        empty_text="There is no external consumer. Make one for a program that calls jobs.",
        search_label="Search consumers",
    )
    table = ServerTable(visit, source, args.query_parameters, make_path("consumers"))

    def ask() -> None:
        async def make() -> bool:
            made = None
            with visit.reporting("The consumer was not made"):
                payload = {"name": name.value.strip(), "id": consumer_id.value.strip() or None}
                made = await visit.api.post("escs", payload)
                visit.tell("The consumer was made, with a first token.")
                ui.navigate.to(make_path("consumers", made["id"])[len(BASE_PATH) :])
            return made is not None

        with form_dialog("New external consumer", "Make it", make):
            name = ui.input("Name").props("outlined dense autofocus").classes("w-full")
            consumer_id = ui.input("Id; empty: one is made").props("outlined dense maxlength=36")
            consumer_id.classes("w-full")

    with table.actions:
        ui.button("New consumer", icon="add", on_click=ask).props("unelevated no-caps")
    await table.load()


async def show_consumer(visit: Visit, consumer_id: str) -> None:
    """Show an external consumer with its tokens and permissions."""
    if refuse_non_staff(visit, "External consumer"):
        return
    page = ConsumerPage(visit, unquote(consumer_id))
    page.build()
    await page.load()


class ConsumerPage:
    """The page of an external consumer."""

    def __init__(self, visit: Visit, consumer_id: str) -> None:
        self._visit = visit
        self._id = consumer_id
        self._path = f"escs/{quote(consumer_id, safe='')}"
        self._texts: dict[str, str] = {}

    def build(self) -> None:
        """Add the elements, still without content."""
        PageLink("All external consumers", make_path("consumers"))
        with ui.row().classes("w-full items-center"):
            self._heading = add_heading(self._id)
            ui.space()
            ui.button("Rename", icon="edit", on_click=self._ask_for_name).props("outline no-caps")
            delete = ui.button("Delete", icon="delete", on_click=self._delete)
            delete.props("outline no-caps color=negative")
        add_facts({"Id": self._id})
        with ui.row().classes("w-full items-center"):
            add_heading("Tokens", 2)
            ui.space()
            ui.button("New token", icon="add", on_click=self._ask_for_token).props(
                "unelevated no-caps"
            )
        columns = [
            TableColumn("masked", "Token"),
            TableColumn("state", "State", template=_STATE_CELL),
            TableColumn("used", "Last use", template=make_time_cell("used")),
            TableColumn("expires", "Expires", template=_EXPIRY_CELL),
            TableColumn(
                "actions",
                "Actions",
                template=make_action("show", "Show") + make_action("revoke", "Revoke"),
            ),
        ]
        self._tokens = PlainTable(columns, "It has no token, so it can't call jobs.", "Tokens")
        self._tokens.on_action("show", lambda row: show_secret("The token", self._texts[row["id"]]))
        self._tokens.on_action("revoke", self._revoke)
        with ui.row().classes("w-full items-center"):
            add_heading("Permissions", 2)
            ui.space()
            PageLink("Grant and revoke", make_path("permissions", subject=f"esc:{self._id}"))
        self._permissions = PlainTable(
            [TableColumn("description", "Permission")],
            "It may do nothing yet.",
            "Permissions of the consumer",
        )
        self._visit.on_change({"esc", "token", "permission"}, self.load)

    async def load(self) -> None:
        """Fetch the consumer."""
        consumer = await self._visit.api.get(f"{self._path}/auth_data")
        self._heading.text = consumer["name"]
        self._texts = {token["id"]: token["token"] for token in consumer["tokens"]}
        self._tokens.show([_make_token_row(token) for token in consumer["tokens"]])
        with self._visit.reporting("Its permissions are unknown"):
            params = {"subject": f"esc:{self._id}"}
            self._permissions.show(await self._visit.api.get("auth/permissions", params))

    def _ask_for_name(self) -> None:
        async def rename() -> bool:
            renamed = None
            with self._visit.reporting("The consumer was not renamed"):
                renamed = await self._visit.api.put(self._path, {"name": name.value.strip()})
                await self.load()
            return renamed is not None

        with form_dialog(f"Rename {self._heading.text}", "Rename", rename):
            ui.label("Its tokens and permissions stay.").classes("rt-soft")
            name = ui.input("Name", value=self._heading.text)
            name.props("outlined dense autofocus").classes("w-full")

    def _ask_for_token(self) -> None:
        async def make() -> bool:
            made = None
            with self._visit.reporting("The token was not made"):
                payload = {"expiry_time": find_end_of_day(expiry.value)}
                made = await self._visit.api.post(f"{self._path}/auth_token", payload)
                show_once("The new token", made["token"])
                await self.load()
            return made is not None

        with form_dialog("New token", "Make it", make):
            expiry = ui.input("Expires at the end of this day (UTC); empty: never")
            expiry.props("outlined dense type=date stack-label").classes("w-full")

    async def _revoke(self, row: Row) -> None:
        consequence = "The program that uses it is refused from now on."
        if await confirm(f"Revoke the token {row['masked']}?", "Revoke", consequence):
            with self._visit.reporting("The token was not revoked"):
                await self._visit.api.delete(f"{self._path}/auth_token/{row['id']}")
                await self.load()

    async def _delete(self) -> None:
        consequence = "Its tokens and permissions go with it."
        if await confirm(f"Delete {self._heading.text}?", "Delete", consequence):
            with self._visit.reporting("The consumer was not deleted"):
                await self._visit.api.delete(self._path)
                ui.navigate.to(make_path("consumers")[len(BASE_PATH) :])


def show_secret(title: str, secret: str) -> None:
    """Show a secret that can be shown again."""
    show_once(title, secret, "Everyone who has it is taken for its holder.")


def find_end_of_day(text: str | None) -> int | None:
    """Return the last second of a day such as 2026-12-31 in UTC, in seconds since 1970; None without a day."""
    if not text or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return None
    day = date.fromisoformat(text)
    return int(datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC).timestamp())


def _make_row(consumer: dict[str, Any]) -> Row:
    return {**consumer, "href": make_path("consumers", consumer["id"])}


def _make_token_row(token: dict[str, Any]) -> Row:
    masked = f"…{token['token'][-6:]}"
    return {
        "id": token["id"],
        "label": masked,
        "masked": masked,
        "state": "valid" if token["active"] else "revoked",
        "kind": "good" if token["active"] else "soft",
        "used": token["last_use_time"] or 0,
        "expires": token["expiry_time"] or 0,
    }
