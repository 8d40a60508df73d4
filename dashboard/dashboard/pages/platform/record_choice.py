"""The choice of a record of another table: Lifecycle searches its name while it is typed."""

from urllib.parse import quote

from nicegui import ui
from nicegui.events import GenericEventArguments

from dashboard.client.api import ApiError, LoggedOut
from dashboard.visit import Visit

_FOUND = 20


class RecordChoice(ui.select):
    """A field whose value is the key of a record; `await load()` shows the name beside it."""

    def __init__(self, visit: Visit, table: str, label: str, key: str) -> None:
        super().__init__(
            {key: key} if key else {},
            label=label,
            value=key or None,
            with_input=True,
            clearable=True,
        )
        self._names = {key: key} if key else {}
        self._visit = visit
        self._path = f"records/table/{quote(table, safe='')}"
        self.props("outlined dense input-debounce=200").classes("w-full")
        self.on("input-value", self._search)

    async def load(self) -> None:
        """Show the name of the chosen record, and offer the first others."""
        if self.value:
            await self._name_chosen()
        await self._find("")

    async def _name_chosen(self) -> None:
        try:
            found = await self._visit.api.post(f"{self._path}/names", {"record_ids": [self.value]})
        except LoggedOut:
            raise
        except ApiError:  # The record is gone: its key alone is left.
            return
        self._names = found["id_to_name"]

    async def _search(self, event: GenericEventArguments) -> None:
        with self._visit.reporting("The records could not be searched"):
            await self._find(str(event.args or ""))

    async def _find(self, text: str) -> None:
        """Offer the records that a search finds, beside the chosen one."""
        payload = {"search": text, "limit": _FOUND}
        found = await self._visit.api.post(f"{self._path}/search", payload)
        chosen = {self.value: self._names.get(self.value, self.value)} if self.value else {}
        self._names = {**found["id_to_name"], **chosen}
        self.set_options(self._names)
