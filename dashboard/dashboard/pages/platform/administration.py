"""The administration: addresses, versions, maintenance, lost jobs."""

from nicegui import ui
from racetrack_client.entities import AuthScope

from dashboard.components.dialogs import confirm
from dashboard.components.parts import add_copyable, add_facts, add_heading, refuse_non_staff
from dashboard.visit import Visit

_FOR_ADMINS = "This needs the scope call_admin_api on everything."


async def show_administration(visit: Visit) -> None:
    """Show the platform to staff."""
    if refuse_non_staff(visit, "Administration"):
        return
    add_heading("Administration")
    with ui.element("div").classes("rt-columns"):
        with ui.column().classes("rt-card w-full"):
            _add_addresses(visit)
        with ui.column().classes("rt-card w-full"):
            await _add_versions(visit)
        with ui.column().classes("rt-card w-full"):
            await MaintenanceCard(visit).build()


def _add_addresses(visit: Visit) -> None:
    config = visit.shared.config
    lifecycle = config.get_lifecycle_url()
    add_heading("Addresses", 2)
    addresses = {
        "Lifecycle": lifecycle,
        "Admin panel": f"{lifecycle}/admin/",
        "PUB": config.get_pub_url(),
        "Grafana": config.find_grafana_url(),
    }
    for name, address in addresses.items():
        if address:
            ui.label(name).classes("rt-soft")
            add_copyable(address, f"Copy the address of {name}")


async def _add_versions(visit: Visit) -> None:
    add_heading("Versions", 2)
    info = await visit.api.get("info")
    config = visit.shared.config
    add_facts(
        {
            "Dashboard": f"{config.docker_tag} {config.git_version}".strip(),
            "Lifecycle": f"{info['docker_tag']} {info['git_version']}".strip(),
        }
    )


class MaintenanceCard:
    """The switch of maintenance, and the button that starts lost jobs again."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._is_on = False

    async def build(self) -> None:
        """Add the elements."""
        add_heading("Maintenance", 2)
        ui.label(
            "During maintenance, jobs can be neither called nor changed; every page says so."
        ).classes("rt-soft")
        self._button = ui.button(on_click=self._switch).props("outline no-caps")
        ui.separator()
        ui.label("Lost jobs are those that their target has no longer.").classes("rt-soft")
        reconcile = ui.button("Reconcile jobs", on_click=self._reconcile).props("outline no-caps")
        for button in (self._button, reconcile):
            if not self._visit.has_scope(AuthScope.CALL_ADMIN_API):
                button.props("disable")
                button.tooltip(_FOR_ADMINS)
        await self.load()
        self._visit.on_change({"maintenance"}, self.load)

    async def load(self) -> None:
        """Fetch whether there is maintenance."""
        self._is_on = (await self._visit.api.get("maintenance"))["maintenance_mode"]
        self._button.text = "End maintenance" if self._is_on else "Begin maintenance"

    async def _switch(self) -> None:
        if not self._is_on:
            consequence = "Calls of jobs are answered with 503, and nothing can be deployed."
            if not await confirm("Begin maintenance?", "Begin it", consequence):
                return
        with self._visit.reporting("The maintenance was not switched"):
            await self._visit.api.put("maintenance", {"maintenance_mode": not self._is_on})
            await self.load()

    async def _reconcile(self) -> None:
        with self._visit.reporting("The jobs were not reconciled"):
            await self._visit.api.post("job/all/reconcile")
            self._visit.tell("Lost jobs are provisioned again.")
