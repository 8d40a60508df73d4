"""The log of a job, followed: lines come as the job writes them, and a stream that ends is opened again."""

import asyncio
import json
from collections.abc import AsyncIterator

from nicegui import PageArguments, background_tasks, ui
from nicegui.element import Element
from nicegui.events import ValueChangeEventArguments
from racetrack_commons.entities.server_sent_events import EventReader

from dashboard.client.api import ApiError, LifecycleAway, LoggedOut
from dashboard.components.log_view import LogView
from dashboard.pages.job.opened import OpenedJob
from dashboard.web.session import BASE_PATH

_TAILS = {
    100: "last 100 lines",
    500: "last 500 lines",
    1000: "last 1000 lines",
    5000: "last 5000 lines",
}
_TAIL = 500
_FLUSH_SECONDS = 0.1
_MOST_WAITING = 5000
_RETRY_SECONDS = 2


async def show_logs(job: OpenedJob, args: PageArguments) -> None:
    """Show the log, and follow it."""
    wanted = args.query_parameters.get("tail", "")
    tail = int(wanted) if wanted in map(str, _TAILS) else _TAIL

    def choose(event: ValueChangeEventArguments[int]) -> None:
        path = job.make_page("logs", tail=str(event.value))
        ui.navigate.to(path.removeprefix(BASE_PATH))

    with ui.row().classes("rt-toolbar items-center w-full"):
        box = ui.select(_TAILS, label="Begin with", value=tail, on_change=choose)
        box.props("outlined dense options-dense").classes("rt-filter")
        state = ui.label("connecting …").classes("rt-soft").props("role=status")
    view = LogView(f"Log of {job.name} {job.version}", f"{job.name}-{job.version}.log")
    LogFollower(job, view, state, tail)


class LogFollower(Element):
    """An invisible element that follows the log until it is removed with its tab."""

    def __init__(self, job: OpenedJob, view: LogView, state: ui.label, tail: int) -> None:
        super().__init__()
        self.classes("hidden")
        self._job, self._view, self._state, self._tail = job, view, state, tail
        self._waiting: list[str] = []
        self._tasks = [
            background_tasks.create(self._follow(), name=f"log of {job.name}"),
            background_tasks.create(self._flush(), name=f"lines of {job.name}"),
        ]

    def _handle_delete(self) -> None:
        for task in self._tasks:
            task.cancel()
        super()._handle_delete()

    async def _follow(self) -> None:
        tail = self._tail
        while True:
            try:
                async for line in read_lines(self._job, tail):
                    self._take(line)
                    tail = 0
                self._tell("The stream ended; it is opened again.")
            except LoggedOut:
                self._job.visit.go_to_login()
                return
            except ApiError as error:
                self._tell(f"The log can't be followed now: {error}")
            except LifecycleAway:
                self._tell("Lifecycle does not answer now; some lines may be missing.")
            await asyncio.sleep(_RETRY_SECONDS)

    def _take(self, line: str | None) -> None:
        self._tell("following")
        if line is not None:
            self._waiting.append(line)
            if len(self._waiting) > 2 * _MOST_WAITING:
                del self._waiting[:_MOST_WAITING]

    async def _flush(self) -> None:
        await self.client.connected()
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            if self._waiting:
                lines, self._waiting = self._waiting, []
                self._view.append(lines)

    def _tell(self, text: str) -> None:
        if self._state.text != text:
            self._state.set_text(text)


async def read_lines(job: OpenedJob, tail: int) -> AsyncIterator[str | None]:
    """Yield the lines of a job's log as they come, and None once the stream is open."""
    reader = EventReader()
    path = f"{job.api_path}/logs/follow"
    async with job.visit.api.stream(path, {"tail": tail}) as response:
        yield None
        async for chunk in response.aiter_bytes():
            for event in reader.feed(chunk):
                if event.data:
                    for line in str(json.loads(event.data)).splitlines() or [""]:
                        yield line
