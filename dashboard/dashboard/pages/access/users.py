"""The page of users, for staff."""

from typing import Any
from urllib.parse import quote

from nicegui import PageArguments, ui
from nicegui.events import GenericEventArguments

from dashboard.components.dialogs import confirm, form_dialog, show_once
from dashboard.components.marks import make_time_cell
from dashboard.components.parts import add_heading, refuse_non_staff
from dashboard.components.plain_table import make_action
from dashboard.components.server_table import ListSource, Row, ServerTable, TableColumn
from dashboard.visit import Visit, make_path

_RIGHTS = {"is_active": "Active", "is_staff": "Staff", "is_superuser": "Superuser"}
_RIGHT_CELL = """<q-toggle :model-value="props.row.{right}" :disable="props.row.is_self || {is_fixed}" dense
 :aria-label="'{label}: ' + props.row.username"
 @update:model-value="$parent.$emit('right', [props.row.username, '{right}', $event])" />"""
_CONSEQUENCES = {
    "is_active": "is logged in by no token and no password from now on",
    "is_staff": "manages accounts, consumers and plugins no longer",
    "is_superuser": "makes others staff no longer",
}


async def show_users(visit: Visit, args: PageArguments) -> None:
    """Show all users with their rights."""
    if refuse_non_staff(visit, "Users"):
        return
    add_heading("Users")
    page = UsersPage(visit, args)
    await page.load()


class UsersPage:
    """The table of users, and what staff does with them."""

    def __init__(self, visit: Visit, args: PageArguments) -> None:
        self._visit = visit
        source = ListSource(
            path="users",
            columns=self._make_columns(),
            make_row=self._make_row,
            kinds=frozenset({"user"}),
            empty_text="There is no such user.",
            search_label="Search users",
            row_key="username",
        )
        self._table = ServerTable(visit, source, args.query_parameters, make_path("users"))
        self._table.table.on("right", self._change_right)
        self._table.table.on("password", self._ask_for_password)
        with self._table.actions:
            ui.button("Add user", icon="person_add", on_click=self._ask_for_user).props(
                "unelevated no-caps"
            )

    async def load(self) -> None:
        """Fetch the users."""
        await self._table.load()

    def _make_columns(self) -> list[TableColumn]:
        password = make_action("password", "Set password", shown_if="!props.row.is_self")
        return [
            TableColumn("username", "User"),
            *(
                TableColumn(right, label, template=self._make_cell(right, label))
                for right, label in _RIGHTS.items()
            ),
            TableColumn("joined", "Joined", template=make_time_cell("joined")),
            TableColumn("logged_in", "Last log-in", template=make_time_cell("logged_in")),
            TableColumn(
                "actions",
                "Actions",
                template=password.replace("props.row.id", "props.row.username"),
            ),
        ]

    def _make_cell(self, right: str, label: str) -> str:
        is_fixed = right != "is_active" and not self._visit.user.is_superuser
        cell = _RIGHT_CELL.replace("{right}", right).replace("{label}", label)
        return cell.replace("{is_fixed}", "true" if is_fixed else "false")

    def _make_row(self, user: dict[str, Any]) -> Row:
        return {
            **{name: user[name] for name in ("username", *_RIGHTS)},
            "label": user["username"],
            "is_self": user["username"] == self._visit.user.username,
            "joined": user["date_joined"],
            "logged_in": user["last_login"] or 0,
        }

    async def _change_right(self, event: GenericEventArguments) -> None:
        username, right, wanted = event.args
        if right not in _RIGHTS:
            return
        if not wanted:
            question = f"Take {_RIGHTS[right].lower()} from {username}?"
            consequence = f"{username} {_CONSEQUENCES[right]}."
            if not await confirm(question, "Take it", consequence):
                return
        with self._visit.reporting("The right was not changed"):
            await self._visit.api.put(_make_user_path(username), {right: bool(wanted)})
            await self._table.load()

    def _ask_for_user(self) -> None:
        async def add() -> bool:
            added = None
            with self._visit.reporting("The user was not added"):
                added = await self._visit.api.post("users", {"username": name.value.strip()})
                show_once(f"The password of {added['username']}", added["password"])
                await self._table.load()
            return added is not None

        with form_dialog("Add a user", "Add", add):
            name = ui.input("User name or e-mail").props("outlined dense autofocus")
            name.classes("w-full")
            ui.label(
                "A password is generated and shown once. The user may do nothing until "
                "permissions are granted."
            ).classes("rt-soft")

    def _ask_for_password(self, event: GenericEventArguments) -> None:
        username = str(event.args)

        async def change() -> bool:
            response = None
            with self._visit.reporting("The password was not set"):
                payload = {"new_password": password.value}
                path = f"{_make_user_path(username)}/password"
                response = await self._visit.api.send("PUT", path, json=payload)
                self._visit.tell(f"{username} has a new password.")
            return response is not None

        with form_dialog(f"Set the password of {username}", "Set it", change):
            password = ui.input("New password", password=True, password_toggle_button=True)
            password.props("outlined dense autocomplete=new-password").classes("w-full")
            ui.label("At least 8 characters, not only digits, and not a common password.").classes(
                "rt-soft"
            )


def _make_user_path(username: str) -> str:
    return f"users/{quote(username, safe='')}"
