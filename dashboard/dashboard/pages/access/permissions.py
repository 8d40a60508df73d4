"""The permissions: who may do what, why, and the means to grant and revoke."""

from dataclasses import dataclass, replace
from typing import Any

from nicegui import PageArguments, ui
from nicegui.events import GenericEventArguments
from racetrack_client.entities import AuthScope

from dashboard.client.api import Params
from dashboard.components.dialogs import confirm, form_dialog
from dashboard.components.parts import add_heading
from dashboard.components.plain_table import PlainTable
from dashboard.components.server_table import TableColumn
from dashboard.pages.access.explanation import ExplanationForm
from dashboard.pages.access.known_names import KnownNames, collect_names
from dashboard.pages.access.permission_matrix import SCOPES, make_matrix
from dashboard.visit import Visit, make_path

_MOST_PERMISSIONS = 1000
_SCOPE_CELL = """<q-btn v-if="props.row.scopes['{scope}'] && {can_change}" flat dense no-caps label="✓"
 :aria-label="'Revoke {scope} of ' + props.row.label"
 @click="$parent.$emit('revoke', [props.row.id, '{scope}'])" />
<span v-else-if="props.row.scopes['{scope}']" role="img" aria-label="granted">✓</span>
<q-btn v-else-if="{can_change} && props.row.grantable.includes('{scope}')" flat dense no-caps label="+" class="rt-faint"
 :aria-label="'Grant {scope} to ' + props.row.label"
 @click="$parent.$emit('grant', [props.row.id, '{scope}'])" />"""


@dataclass(frozen=True)
class PermissionsQuery:
    """The part of the matrix that is shown."""

    subject: str = ""
    """A subject such as `user:anna`; without one, that of the visitor, or all for admins."""
    search: str = ""

    def to_request(self, *, is_about_all: bool) -> tuple[str, Params]:
        """Return the path of Lifecycle's list, with its parameters."""
        params: Params = {"search": self.search, "limit": _MOST_PERMISSIONS}
        if is_about_all and not self.subject:
            return "auth/permissions/all", params
        subject = self.subject if is_about_all else None
        return "auth/permissions", {"subject": subject, **params}

    def to_url(self) -> str:
        """Return the path of the page with this part."""
        return make_path("permissions", subject=self.subject, search=self.search)


async def show_permissions(visit: Visit, args: PageArguments) -> None:
    """Show the permissions of everyone to admins, and their own to all others."""
    add_heading("Permissions")
    params = args.query_parameters
    query = PermissionsQuery(params.get("subject", ""), params.get("search", ""))
    page = PermissionsPage(visit, query, await collect_names(visit))
    page.build()
    await page.load()


class PermissionsPage:
    """The matrix, and the explanation of a decision below it."""

    def __init__(self, visit: Visit, query: PermissionsQuery, names: KnownNames) -> None:
        self._visit = visit
        self._query = query
        self._names = names
        self._can_change = visit.has_scope(AuthScope.CALL_ADMIN_API)
        self._matrix: list[dict[str, Any]] = []
        self._tag = ""

    def build(self) -> None:
        """Add the elements, still without content."""
        if not self._can_change:
            ui.label(
                "You see your own permissions. An admin, who has the scope call_admin_api, grants more."
            ).classes("rt-soft")
        with ui.row().classes("rt-toolbar items-center w-full"):
            search = ui.input("Search subjects and jobs", value=self._query.search)
            search.props('outlined dense clearable debounce=200 input-class="rt-search-input"')
            search.classes("rt-search").on_value_change(self._search)
            if self._can_change:
                self._add_subject_choice()
                ui.space()
                ui.button("Grant", icon="add", on_click=self._ask_what_to_grant).props(
                    "unelevated no-caps"
                )
        columns = [
            TableColumn("subject_text", "Subject"),
            TableColumn("resource_text", "Resource"),
            *(
                TableColumn(scope, scope.replace("_", " "), template=self._make_cell(scope))
                for scope in SCOPES
            ),
        ]
        self._table = PlainTable(
            columns, "No permission was granted, or none that matches.", "Permissions"
        )
        self._table.table.on("revoke", self._revoke)
        self._table.table.on("grant", self._grant)
        self._rest = ui.label().classes("rt-soft").props("role=status")
        ExplanationForm(self._visit, self._names, can_ask_about_all=self._can_change).build()
        self._visit.on_change({"permission", "user", "esc", "job"}, self.load)

    async def load(self) -> None:
        """Fetch the permissions of the chosen subject, or of all."""
        path, params = self._query.to_request(is_about_all=self._can_change)
        page = await self._visit.api.find_page(path, params, self._tag)
        if page is None:
            return
        self._tag = page.tag
        self._matrix = make_matrix(page.items)
        self._table.show(self._matrix)
        rest = page.total - len(page.items)
        self._rest.set_text(f"{rest} more permissions are not shown: search for some." * (rest > 0))

    def _make_cell(self, scope: str) -> str:
        can_change = "true" if self._can_change else "false"
        return _SCOPE_CELL.replace("{scope}", scope).replace("{can_change}", can_change)

    def _add_subject_choice(self) -> None:
        known = self._query.subject if self._query.subject in self._names.subjects else None
        choice = ui.select(self._names.subjects, label="Subject", value=known, with_input=True)
        choice.props("outlined dense clearable options-dense").classes("rt-search")
        choice.on_value_change(self._turn_to_subject)

    async def _search(self, event: Any) -> None:
        await self._change(replace(self._query, search=(event.value or "").strip()))

    async def _turn_to_subject(self, event: Any) -> None:
        await self._change(replace(self._query, subject=event.value or ""))

    async def _change(self, query: PermissionsQuery) -> None:
        self._query, self._tag = query, ""
        ui.navigate.history.replace(query.to_url())
        with self._visit.reporting("The permissions could not be fetched"):
            await self.load()

    async def _revoke(self, event: GenericEventArguments) -> None:
        row, scope = self._find(event)
        if row is None or scope not in row["scopes"]:
            return
        question = f"Revoke {scope} on {row['resource_text']}?"
        consequence = f"{row['subject_text']} loses it at once."
        if await confirm(question, "Revoke", consequence):
            with self._visit.reporting("The permission was not revoked"):
                await self._visit.api.delete(f"auth/permissions/{row['scopes'][scope]}")
                self._visit.tell("The permission was revoked.")
                await self.load()

    async def _grant(self, event: GenericEventArguments) -> None:
        row, scope = self._find(event)
        if row is None:
            return
        question = f"Grant {scope} on {row['resource_text']}?"
        consequence = f"{row['subject_text']} has it at once."
        if await confirm(question, "Grant", consequence):
            await self._send({"subject": row["subject"], "scope": scope, **row["resource"]})

    def _find(self, event: GenericEventArguments) -> tuple[dict[str, Any] | None, str]:
        key, scope = event.args
        row = next((row for row in self._matrix if row["id"] == key), None)
        return row, scope if scope in SCOPES else ""

    def _ask_what_to_grant(self) -> None:
        async def submit() -> bool:
            return await self._send(
                {
                    "subject": subject.value or "",
                    "scope": scope.value,
                    "job_name": job.value,
                    "job_version": (version.value or "").strip() or None,
                    "endpoint": (endpoint.value or "").strip() or None,
                }
            )

        with form_dialog("Grant a permission", "Grant", submit):
            given = self._query.subject if self._query.subject in self._names.subjects else None
            subject = ui.select(self._names.subjects, label="Subject", value=given, with_input=True)
            scope = ui.select(SCOPES, label="Scope", value=AuthScope.CALL_JOB.value)
            job = ui.select(
                self._names.families, label="Job; empty: everything", with_input=True
            ).props("clearable")
            version = ui.input("Version; empty: all versions")
            endpoint = ui.input("Endpoint; empty: all endpoints")
            for box in (subject, scope, job, version, endpoint):
                box.props("outlined dense").classes("w-full")

    async def _send(self, grant: dict[str, Any]) -> bool:
        granted = None
        with self._visit.reporting("The permission was not granted"):
            granted = await self._visit.api.post("auth/permissions", grant)
            self._visit.tell(f"Granted: {granted['description']}")
            await self.load()
        return granted is not None
