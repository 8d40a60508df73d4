"""The plugins: what they offer, and the means to install, configure and remove them."""

from typing import Any
from urllib.parse import quote, unquote

import yaml
from nicegui import events, ui

from dashboard.components.dialogs import confirm
from dashboard.components.editor import add_editor, set_unsaved
from dashboard.components.parts import add_heading, refuse_non_staff
from dashboard.components.plain_table import PlainTable, make_action
from dashboard.components.server_table import Row, TableColumn
from dashboard.links import PageLink
from dashboard.visit import Visit, make_path
from dashboard.web.session import BASE_PATH

_LARGEST_BUNDLE = 256 * 1024**2
_NAME_CELL = """<a :href="props.row.docs" class="text-weight-bold">{{ props.row.name }}</a>"""
_STAFF_CELL = (
    make_action("configure", "Configure")
    + """<a class="q-px-sm" :href="props.row.download" download
 :aria-label="'Download ' + props.row.label">Download</a>"""
    + make_action("delete", "Delete")
)


async def show_plugins(visit: Visit) -> None:
    """Show the plugins with what they offer."""
    add_heading("Plugins")
    page = PluginsPage(visit)
    page.build()
    await page.load()


class PluginsPage:
    """The list of plugins, the broken ones, and what the others offer."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit

    def build(self) -> None:
        """Add the elements, still without content."""
        self._broken = ui.column().classes("w-full")
        columns = [
            TableColumn("name", "Name", template=_NAME_CELL),
            TableColumn("version", "Version"),
            TableColumn("category", "Category", is_for_wide_screens=True),
        ]
        if self._visit.user.is_staff:
            self._add_upload()
            columns.append(TableColumn("actions", "Actions", template=_STAFF_CELL))
        self._table = PlainTable(columns, "No plugin is installed.", "Plugins")
        self._table.on_action("configure", self._configure)
        self._table.on_action("delete", self._delete)
        with ui.element("div").classes("rt-columns"):
            self._job_types = ui.column().classes("rt-card w-full")
            self._targets = ui.column().classes("rt-card w-full")
        self._visit.on_change({"plugin", "job"}, self.load)

    async def load(self) -> None:
        """Fetch the plugins."""
        tree = await self._visit.api.get("plugin/tree")
        self._table.show([_make_row(plugin) for plugin in tree["plugins"]])
        _show_offers(self._job_types, "Job types", tree["job_type_plugins_data"], "job_types")
        _show_offers(
            self._targets,
            "Infrastructure targets",
            tree["infrastructure_plugins_data"],
            "infrastructures",
        )
        if self._visit.user.is_staff:
            self._show_broken(await self._visit.api.get("plugin/broken"))

    def _add_upload(self) -> None:
        with ui.row().classes("rt-toolbar items-center w-full"):
            self._progress = ui.spinner().props('role=status aria-label="Uploading"')
            self._progress.set_visibility(False)
            upload = ui.upload(
                auto_upload=True,
                max_file_size=_LARGEST_BUNDLE,
                on_begin_upload=self._show_progress,
                on_upload=self._install,
                on_rejected=lambda: self._visit.warn("A plugin is a zip file of at most 256 MiB."),
            )
            upload.props("accept=.zip").classes("hidden")
            ui.button(
                "Upload a plugin", icon="upload", on_click=lambda: upload.run_method("pickFiles")
            ).props("unelevated no-caps")
            self._replace = ui.checkbox("Replace other versions")

    def _show_progress(self) -> None:
        self._progress.set_visibility(True)

    async def _install(self, upload: events.UploadEventArguments) -> None:
        with self._visit.reporting("The plugin was not installed"):
            response = await self._visit.api.send(
                "POST",
                f"plugin/upload/{quote(upload.file.name, safe='')}",
                params={"replace": 1 if self._replace.value else 0},
                content=await upload.file.read(),
            )
            manifest = response.json()
            self._visit.tell(f"{manifest['name']} {manifest['version']} is installed.")
            await self.load()
        self._progress.set_visibility(False)
        if isinstance(upload.sender, ui.upload):
            upload.sender.reset()

    def _configure(self, row: Row) -> None:
        path = make_path("plugins", row["name"], row["version"], "config")
        ui.navigate.to(path[len(BASE_PATH) :])

    async def _delete(self, row: Row) -> None:
        consequence = "Jobs that run go on; their job type can't be built with this version again."
        if await confirm(f"Delete the plugin {row['label']}?", "Delete", consequence):
            with self._visit.reporting("The plugin was not deleted"):
                await self._visit.api.delete(_make_plugin_path(row["name"], row["version"]))
                await self.load()

    def _show_broken(self, broken: list[dict[str, str]]) -> None:
        self._broken.clear()
        with self._broken:
            for each in broken:
                with ui.row().classes("rt-banner").props("role=alert"):
                    ui.icon("error", size="sm").props("aria-hidden=true")
                    ui.label(f"{each['file']} can't be loaded: {each['error']}").classes("rt-wrap")


async def show_plugin_config(visit: Visit, plugin_name: str, plugin_version: str) -> None:
    """Show the editor of a plugin's configuration."""
    name, version = unquote(plugin_name), unquote(plugin_version)
    if refuse_non_staff(visit, f"Configuration of {name}"):
        return
    PageLink("All plugins", make_path("plugins"))
    add_heading(f"Configuration of {name} {version}")
    path = f"{_make_plugin_path(name, version)}/config"
    saved = await visit.api.get(path)
    with ui.column().classes("w-full") as frame:
        editor = add_editor(f"Configuration of {name}", saved, "YAML")
    problem = ui.label().classes("rt-bad rt-wrap").props("role=alert")

    def check() -> None:
        problem.text = describe_yaml_problem(editor.value)
        save.set_enabled(not problem.text)
        set_unsaved(frame, is_unsaved=editor.value != saved)

    async def write() -> None:
        nonlocal saved
        with visit.reporting("The configuration was not saved"):
            await visit.api.put(path, {"config_data": editor.value})
            saved = editor.value
            visit.tell("The configuration was saved, and the plugin was loaded again.")
            check()

    save = ui.button("Save", on_click=write).props("unelevated no-caps")
    editor.on_value_change(check)


def describe_yaml_problem(text: str) -> str:
    """Return what is wrong with a text of YAML, or an empty text."""
    try:
        yaml.safe_load(text)
    except yaml.YAMLError as error:
        return f"This is no YAML: {error}"
    return ""


def _show_offers(place: ui.column, title: str, plugins: list[dict[str, Any]], key: str) -> None:
    place.clear()
    with place:
        add_heading(title, 2)
        for plugin in plugins:
            ui.label(f"{plugin['name']} {plugin['version']}").classes("text-weight-bold")
            for offer in plugin.get(key) or []:
                jobs = offer.get("active_jobs", 0)
                count = "1 job" if jobs == 1 else f"{jobs} jobs"
                with ui.row().classes("w-full justify-between q-pl-md"):
                    ui.label(str(offer["name"])).classes("rt-wrap")
                    ui.label(count).classes("rt-soft")
        if not plugins:
            ui.label("No plugin offers one.").classes("rt-soft")


def _make_row(plugin: dict[str, Any]) -> Row:
    name, version = plugin["name"], plugin["version"]
    download = "/".join([quote(name, safe=""), quote(version, safe="")])
    return {
        "id": f"{name} {version}",
        "label": f"{name} {version}",
        "name": name,
        "version": version,
        "category": plugin["category"] or "",
        "docs": make_path("docs", "plugin", name),
        "download": f"{BASE_PATH}/api/v1/plugin/{download}/download",
    }


def _make_plugin_path(name: str, version: str) -> str:
    return f"plugin/{quote(name, safe='')}/{quote(version, safe='')}"
