"""The frame of all pages: header, navigation, banners, and the place of the page itself."""

from collections.abc import Collection
from dataclasses import dataclass

from nicegui import ui

from dashboard.links import PageLink
from dashboard.visit import Visit, make_path
from dashboard.web.session import BASE_PATH
from dashboard.web.static_files import make_static_path

_SITE_COLOURS = {"test": "#1B5E20", "preprod": "#EE6B00", "prod": "#B71C1C"}
THEME_COOKIE = "racetrack_theme"
"""The theme that the visitor has chosen: dark or light; without it, that of the system."""


@dataclass(frozen=True)
class NavigationLink:
    """A link of the navigation."""

    label: str
    icon: str
    page: str
    """The first segment of the page's path."""
    is_for_staff: bool = False


NAVIGATION = [
    NavigationLink("Jobs", "dns", "jobs"),
    NavigationLink("Deployments", "rocket_launch", "deployments"),
    NavigationLink("Graph", "hub", "graph"),
    NavigationLink("Portfolio", "inventory_2", "portfolio"),
    NavigationLink("Activity", "history", "activity"),
    NavigationLink("Permissions", "key", "permissions"),
    NavigationLink("External consumers", "outbound", "consumers", is_for_staff=True),
    NavigationLink("Users", "group", "users", is_for_staff=True),
    NavigationLink("Plugins", "extension", "plugins"),
    NavigationLink("Administration", "tune", "administration", is_for_staff=True),
    NavigationLink("Records", "table_rows", "records", is_for_staff=True),
    NavigationLink("Docs", "menu_book", "docs"),
]


def add_head(theme: str, title: str) -> None:
    """Load the styles and scripts of all pages, and choose the theme."""
    ui.add_head_html(f'<link rel="stylesheet" href="{make_static_path("dashboard.css")}">')
    ui.add_head_html(f'<script defer src="{make_static_path("dashboard.js")}"></script>')
    ui.page_title(title)
    ui.colors(primary="#3b5bdb", positive="#1b6e3c", negative="#b3261e")
    ui.dark_mode({"dark": True, "light": False}.get(theme))


def make_title(site_name: str) -> str:
    """Return the title of the browser's tab."""
    return f"[{site_name}] Racetrack" if site_name else "Racetrack"


class Shell:
    """The frame around the pages of a visitor who is logged in."""

    def __init__(self, visit: Visit, paths: Collection[str]) -> None:
        self._visit = visit
        self._shown = [each for each in NAVIGATION if f"/{each.page}" in paths]
        self._links: dict[str, PageLink] = {}
        self._add_header()
        self._add_drawer()
        with ui.column().classes("w-full").props("role=status"):
            self._maintenance = _add_banner(
                "construction", "Maintenance: jobs can be neither called nor changed now."
            )
            self._away = _add_banner(
                "cloud_off",
                "Lifecycle does not answer. The page shows what was last known, and goes on by itself.",
            )
        visit.on_change({"maintenance", "connection"}, self._update_banners)

    async def load(self) -> None:
        """Show the banners that count now."""
        await self._update_banners()

    def mark_page(self, path: str) -> None:
        """Mark the link of the navigation that leads to a path."""
        here = path.removeprefix(BASE_PATH).strip("/").split("/")[0].split("?")[0] or "jobs"
        for page, link in self._links.items():
            link.classes(remove="is-here").props(remove="aria-current")
            if page == here:
                link.classes("is-here").props("aria-current=page")

    async def _update_banners(self) -> None:
        is_connected = self._visit.shared.feed.is_connected
        self._away.set_visibility(not is_connected)
        if is_connected:
            state = await self._visit.api.get("maintenance")
            self._maintenance.set_visibility(state["maintenance_mode"])

    def _add_header(self) -> None:
        site = self._visit.shared.config.site_name
        with ui.header().classes("rt-header items-center") as header:
            header.style(f"--rt-site: {_SITE_COLOURS.get(site.lower(), 'var(--rt-accent)')}")
            PageLink("Skip to the page", "#main").classes("rt-skip")
            self._menu = ui.button(icon="menu")
            self._menu.props("flat round dense color=inherit aria-label=Navigation")
            PageLink(make_title(site), make_path()).classes("rt-title")
            ui.space()
            theme = ui.button(icon="contrast", on_click=_switch_theme)
            theme.props('flat round dense color=inherit aria-label="Switch between dark and light"')
            with ui.button(icon="account_circle").props(
                'flat round dense color=inherit aria-label="Account"'
            ):
                self._add_account_menu()

    def _add_account_menu(self) -> None:
        with ui.menu():
            with ui.column().classes("gap-0 q-pa-md"):
                ui.label(self._visit.user.username).classes("text-weight-bold")
                ui.label("staff" if self._visit.user.is_staff else "user").classes("rt-soft")
            ui.separator()
            for text, page in (("Profile", "profile"), ("Change password", "change-password")):
                ui.menu_item(
                    text,
                    on_click=lambda page=page: ui.navigate.to(make_path(page)[len(BASE_PATH) :]),
                )
            with ui.element("form").props(f'method=post action="{BASE_PATH}/logout"'):
                ui.button("Log out").props(
                    "flat dense no-caps color=inherit type=submit align=left"
                ).classes("full-width q-px-md")

    def _add_drawer(self) -> None:
        with (
            ui.left_drawer(value=None)
            .classes("rt-drawer")
            .props("width=230 breakpoint=900 aria-label=Navigation") as self._drawer
        ):
            with ui.element("nav").classes("w-full").props('aria-label="Pages"'):
                for each in self._shown:
                    if not each.is_for_staff or self._visit.user.is_staff:
                        self._links[each.page] = _add_link(each)
            ui.space()
            self._menu.on_click(self._drawer.toggle)
            config = self._visit.shared.config
            version = (
                f"{config.docker_tag} ({config.git_version})"
                if config.docker_tag
                else config.git_version
            )
            ui.label(f"Racetrack {version}").classes("rt-soft q-px-md text-caption")


def _add_link(link: NavigationLink) -> PageLink:
    with PageLink("", make_path(link.page)).classes("rt-link") as element:
        ui.icon(link.icon, size="20px").props("aria-hidden=true")
        ui.label(link.label)
    return element


def _add_banner(icon: str, text: str) -> ui.element:
    with ui.element().classes("rt-banner") as banner:
        ui.icon(icon, size="sm").props("aria-hidden=true")
        ui.label(text)
    banner.set_visibility(False)
    return banner


def _switch_theme() -> None:
    ui.run_javascript(
        "const dark = !document.body.classList.contains('body--dark');"
        "Quasar.Dark.set(dark);"
        f"document.cookie = '{THEME_COOKIE}=' + (dark ? 'dark' : 'light')"
        f" + '; path={BASE_PATH}; max-age=31536000; samesite=lax'"
    )
