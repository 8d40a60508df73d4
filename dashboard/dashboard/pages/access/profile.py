"""The pages of the visitor's own account: profile, tokens, password."""

from typing import Any

from nicegui import ui

from dashboard.client.api import ApiError
from dashboard.components.dialogs import confirm, form_dialog, show_once
from dashboard.components.marks import choose_kind, make_time_cell
from dashboard.components.parts import add_copyable, add_facts, add_heading
from dashboard.components.plain_table import PlainTable, make_action
from dashboard.components.server_table import Row, TableColumn
from dashboard.visit import Visit, make_path
from dashboard.web.session import BASE_PATH

_SECONDS_A_DAY = 24 * 3600
_LIFETIMES = {"": "never", 30: "in 30 days", 90: "in 90 days", 365: "in a year"}
_EXPIRY_CELL = f"""<template v-if="props.row.expires">{make_time_cell("expires")}</template>
<template v-else>never</template>"""
_STATE_CELL = """<span :class="'rt-chip is-' + props.row.kind">{{ props.row.state }}</span>"""
_REFUSED = "WrongCredentials"
_RULES = "At least 8 characters, not only digits, and not a common password."


async def show_profile(visit: Visit) -> None:
    """Show the visitor's account, the commands that use it, and its tokens."""
    add_heading("Profile")
    with ui.element("div").classes("rt-columns"):
        with ui.column().classes("rt-card w-full"):
            _add_account(visit)
        with ui.column().classes("rt-card w-full"):
            _add_commands(visit)
    await OwnTokens(visit).load()


async def show_change_password(visit: Visit) -> None:
    """Show the form that replaces the visitor's password."""
    add_heading("Change password")
    with ui.column().classes("rt-card rt-narrow"):
        old = _add_password("Present password", "current-password")
        new = _add_password("New password", "new-password")
        repeated = _add_password("The new password again", "new-password")
        ui.label(_RULES).classes("rt-soft")

        async def change() -> None:
            is_repeated = bool(new.value) and new.value == repeated.value
            _mark(repeated, "" if is_repeated else "The two new passwords differ, or are empty.")
            if not is_repeated:
                return
            with visit.reporting("The password was not changed"):
                payload = {"old_password": old.value, "new_password": new.value}
                try:
                    await visit.api.put("users/change_password", payload)
                except ApiError as error:
                    if error.type != _REFUSED:
                        raise
                    _mark(old, "This is not your present password.")
                    return
                visit.tell("The password was changed.")
                ui.navigate.to(make_path("profile")[len(BASE_PATH) :])

        repeated.on("keydown.enter", change)
        ui.button("Change password", on_click=change).props("unelevated no-caps")


def _mark(box: ui.input, error: str) -> None:
    box.props["error-message"] = error
    box.props("error") if error else box.props(remove="error")


def _add_account(visit: Visit) -> None:
    add_heading("Account", 2)
    rights = [name for name, has in _list_rights(visit) if has]
    add_facts(
        {
            "User": visit.user.username,
            "Rights": ", ".join(rights) or "user",
            "On all jobs": ", ".join(visit.user.scopes_on_everything) or "nothing",
        }
    )
    place = ui.column().classes("w-full")

    async def reveal() -> None:
        with visit.reporting("The token could not be shown"):
            shown = await visit.api.post("auth/token/user/reveal")
            place.clear()
            with place:
                add_copyable(shown["token"], "Copy the token")
            button.delete()

    with ui.row():
        button = ui.button("Show the token", icon="visibility", on_click=reveal)
        button.props("outline no-caps")
        ui.button(
            "Change password",
            icon="password",
            on_click=lambda: ui.navigate.to("/change-password"),
        ).props("outline no-caps")
    ui.label(
        "The token is as good as your password: programs show it as the header X-Racetrack-Auth."
    ).classes("rt-soft")


def _list_rights(visit: Visit) -> list[tuple[str, bool]]:
    return [("staff", visit.user.is_staff), ("superuser", visit.user.is_superuser)]


def _add_commands(visit: Visit) -> None:
    add_heading("Use it from a terminal", 2)
    remote = visit.shared.config.get_lifecycle_url()
    for intent, command in (
        ("Choose this platform", f"racetrack set remote {remote}"),
        ("Log in; the command asks for the password", _make_login(visit.user.username)),
        ("Deploy the job of a directory that has a job.yaml", "racetrack deploy ."),
    ):
        ui.label(intent).classes("rt-soft")
        add_copyable(command, f"Copy: {command}")


def _make_login(username: str) -> str:
    return f"racetrack login --username {username}"


class OwnTokens:
    """The table of the visitor's tokens."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        with ui.row().classes("w-full items-center"):
            add_heading("Tokens", 2)
            ui.space()
            ui.button("New token", icon="add", on_click=self._ask_for_token).props(
                "unelevated no-caps"
            )
            ui.button("Regenerate all", icon="autorenew", on_click=self._regenerate).props(
                "outline no-caps"
            )
        columns = [
            TableColumn("end", "Ends with"),
            TableColumn("state", "State", template=_STATE_CELL),
            TableColumn("used", "Last use", sort="used", template=make_time_cell("used")),
            TableColumn("expires", "Expires", sort="expires", template=_EXPIRY_CELL),
            TableColumn(
                "made",
                "Created",
                sort="made",
                template=make_time_cell("made"),
                is_for_wide_screens=True,
            ),
            TableColumn("actions", "Actions", template=make_action("revoke", "Revoke")),
        ]
        self._table = PlainTable(columns, "You have no token.", "Your tokens")
        self._table.on_action("revoke", self._revoke)
        visit.on_change({"token"}, self.load)

    async def load(self) -> None:
        """Fetch the tokens."""
        tokens = await self._visit.api.get("auth/token/user")
        self._table.show([_make_row(token) for token in tokens])

    def _ask_for_token(self) -> None:
        async def make() -> bool:
            days = lifetime.value
            payload = {
                "expiry_time": None,
                "expires_in_seconds": days * _SECONDS_A_DAY if days else None,
            }
            made = None
            with self._visit.reporting("The token was not made"):
                made = await self._visit.api.post("auth/token/user", payload)
                show_once("The new token", made["token"])
                await self.load()
            return made is not None

        with form_dialog("New token", "Make it", make):
            ui.label("It may do what you may do. Give each program a token of its own.")
            lifetime = ui.select(_LIFETIMES, label="Expires", value=30)
            lifetime.props("outlined dense").classes("w-full")

    async def _revoke(self, row: Row) -> None:
        consequence = "What uses it is refused from now on."
        if row["is_current"]:
            consequence += " You are logged in by this one: revoking it logs you out."
        if not await confirm(f"Revoke the token …{row['end']}?", "Revoke", consequence):
            return
        with self._visit.reporting("The token was not revoked"):
            await self._visit.api.delete(f"auth/token/user/{row['id']}")
            await self.load()

    async def _regenerate(self) -> None:
        consequence = (
            "All your tokens stop working, and one new token replaces them. Your other sessions and "
            "terminals have to log in again; this session goes on."
        )
        if not await confirm("Regenerate all tokens?", "Regenerate", consequence):
            return
        with self._visit.reporting("The tokens were not regenerated"):
            made = await self._visit.api.post("auth/token/user/regenerate")
            show_once("The new token", made["new_token"])
            await self.load()


def _make_row(token: dict[str, Any]) -> Row:
    state = "valid" if token["active"] else "revoked"
    if token["is_current"]:
        state = "this session"
    return {
        "id": token["id"],
        "end": token["token_end"],
        "label": token["token_end"],
        "state": state,
        "kind": "good" if token["active"] else choose_kind(state),
        "is_current": token["is_current"],
        "used": token["last_use_time"] or 0,
        "expires": token["expiry_time"] or 0,
        "made": token["create_time"] or 0,
    }


def _add_password(label: str, autocomplete: str) -> ui.input:
    field = ui.input(label, password=True, password_toggle_button=True).classes("w-full")
    return field.props(f"outlined dense autocomplete={autocomplete}")
