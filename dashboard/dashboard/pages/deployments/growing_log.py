"""A build log on a page: it is fetched again while it grows, because no stream of Lifecycle tells its lines."""

from nicegui import ui

from dashboard.client.api import ApiError, LifecycleAway, LoggedOut
from dashboard.components.log_view import LogView
from dashboard.visit import Visit

_LOOK_SECONDS = 1


class GrowingLog:
    """Shows the text at a path of Lifecycle, and what is added to it."""

    def __init__(self, visit: Visit, path: str, label: str, file_name: str) -> None:
        self.is_growing = False
        self._visit, self._path = visit, path
        self._shown = 0
        self._digest = hash("")
        self._state = ui.label().classes("rt-soft").props("role=status")
        self._view = LogView(label, file_name)
        ui.timer(_LOOK_SECONDS, self._look, immediate=False)

    async def refresh(self) -> None:
        """Fetch the log, and show it."""
        try:
            text = await self._visit.api.get_text(self._path)
        except LoggedOut:
            raise
        except (ApiError, LifecycleAway) as error:
            self._state.set_text(str(error))
            return
        self._state.set_text("" if text.strip() else "Nothing was logged yet.")
        self._show(text if not self.is_growing else text[: text.rfind("\n") + 1])

    async def _look(self) -> None:
        if self.is_growing:
            await self.refresh()

    def _show(self, text: str) -> None:
        has_only_grown = hash(text[: self._shown]) == self._digest
        if has_only_grown and len(text) > self._shown:
            self._view.append(text[self._shown :].splitlines())
        elif not has_only_grown:
            self._view.replace(text.splitlines())
        self._shown, self._digest = len(text), hash(text)
