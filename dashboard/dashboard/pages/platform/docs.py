"""The documentation: the project's own pages, and those of plugins."""

from pathlib import Path
from urllib.parse import quote, unquote

from nicegui import run, ui

from dashboard.components.parts import add_heading
from dashboard.links import PageLink
from dashboard.pages.platform.manual import SOURCE_DOCS, Manual, list_headings
from dashboard.visit import Visit, make_path

_EXTRAS = ["fenced-code-blocks", "tables", "header-ids", "cuddled-lists"]


async def show_docs(visit: Visit) -> None:
    """Show which pages there are."""
    add_heading("Docs")
    pages = await run.io_bound(_open_manual(visit).list_pages) or {}
    with ui.element("div").classes("rt-columns"):
        with ui.column().classes("rt-card w-full"):
            add_heading("Racetrack", 2)
            for name, title in pages.items():
                PageLink(title, make_path("docs", name))
            if not pages:
                ui.label("This installation has no pages; DOCS_DIR names their folder.")
        with ui.column().classes("rt-card w-full"):
            add_heading("Plugins", 2)
            plugins = await visit.api.get("plugin")
            for name in sorted({plugin["name"] for plugin in plugins}):
                PageLink(name, make_path("docs", "plugin", name))
            if not plugins:
                ui.label("No plugin is installed.")


async def show_docs_page(visit: Visit, page: str) -> None:
    """Show a page of the project."""
    text = await run.io_bound(_open_manual(visit).find_text, unquote(page))
    _show_text(text, f"There is no page {unquote(page)}.", make_path("docs", unquote(page)))


async def show_plugin_docs(visit: Visit, plugin_name: str) -> None:
    """Show the page of a plugin."""
    name = unquote(plugin_name)
    text = await visit.api.get(f"plugin/{quote(name, safe='')}/docs")
    _show_text(text, f"The plugin {name} has no page.", make_path("docs", "plugin", name))


def _open_manual(visit: Visit) -> Manual:
    given = visit.shared.config.docs_dir
    return Manual(Path(given) if given else SOURCE_DOCS)


def _show_text(text: str | None, missing: str, path: str) -> None:
    PageLink("All docs", make_path("docs"))
    if not text:
        add_heading("Not found")
        ui.label(missing)
        return
    headings = list_headings(text)
    if not any(heading.level == 1 for heading in headings):
        add_heading(path.rsplit("/", 1)[1])
    with ui.element("div").classes("rt-docs"):
        # The browser sanitizes what Markdown has made, before it is shown.
        ui.markdown(text, extras=_EXTRAS, sanitize=True).classes("rt-prose")
        with ui.element("nav").props('aria-label="On this page"').classes("rt-toc only-wide"):
            for heading in headings:
                if heading.level > 1:
                    link = PageLink(heading.text, f"{path}#{heading.anchor}")
                    link.classes(f"is-level-{heading.level}")
