"""The log of a job, followed: lines come as the job writes them, and a stream that ends is opened again."""

import asyncio
import json
from array import array
from collections.abc import AsyncIterator, Iterable, Sequence

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
_QUIET_FLUSHES = 10
"""The flushes without a line after which the earlier lines of a stream that was opened again are complete."""
_MOST_FLUSHES = 50
MISSING = "… the connection was lost, and lines may be missing here"
"""The line that is shown where the log may have a gap."""


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
        self._memory = LogMemory(tail)
        self._is_resuming = False
        self._tasks = [
            background_tasks.create(self._follow(), name=f"log of {job.name}"),
            background_tasks.create(self._flush(), name=f"lines of {job.name}"),
        ]

    def _handle_delete(self) -> None:
        for task in self._tasks:
            task.cancel()
        super()._handle_delete()

    async def _follow(self) -> None:
        while True:
            try:
                async for line in read_lines(self._job, self._prepare()):
                    self._take(line)
                self._tell("The stream ended; it is opened again.")
            except LoggedOut:
                self._job.visit.go_to_login()
                return
            except ApiError as error:
                self._tell(f"The log can't be followed now: {error}")
            except LifecycleAway:
                self._tell("Lifecycle does not answer now; the log goes on when it is back.")
            await asyncio.sleep(_RETRY_SECONDS)

    def _prepare(self) -> int:
        """Return how many of the last lines the next stream begins with: as many as may have been missed."""
        self._is_resuming = False
        if self._memory.is_empty:
            self._waiting.clear()
            return self._tail
        return _MOST_WAITING

    def _take(self, line: str | None) -> None:
        self._tell("following")
        if line is None:
            self._is_resuming = not self._memory.is_empty
        else:
            self._waiting.append(line)
            if len(self._waiting) > 2 * _MOST_WAITING:
                del self._waiting[:_MOST_WAITING]

    async def _flush(self) -> None:
        await self.client.connected()
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            if self._is_resuming:
                await self._await_earlier_lines()
            if not self._waiting:
                continue
            lines, self._waiting = self._waiting, []
            new = self._memory.list_new(lines) if self._is_resuming else lines
            self._is_resuming = False
            self._memory.note(new)
            self._view.append(new)

    async def _await_earlier_lines(self) -> None:
        """Wait until the stream has brought the lines that it begins with, of which some are known."""
        count, quiet = 0, 0
        for _ in range(_MOST_FLUSHES):
            is_quiet = bool(self._waiting) and len(self._waiting) == count
            quiet, count = quiet + 1 if is_quiet else 0, len(self._waiting)
            if quiet == _QUIET_FLUSHES:
                return
            await asyncio.sleep(_FLUSH_SECONDS)

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


class LogMemory:
    """Knows the last lines that were shown; of each it keeps a hash only."""

    def __init__(self, tail: int) -> None:
        self._known = array("q")
        self._tail = tail
        self._count = 0

    @property
    def is_empty(self) -> bool:
        """True if no line was shown yet."""
        return not self._known

    def note(self, lines: Iterable[str]) -> None:
        """Remember lines that are shown."""
        added = _make_marks(lines)
        self._count += len(added)
        self._known = (self._known + added)[-_MOST_WAITING:]

    def list_new(self, lines: Sequence[str]) -> list[str]:
        """Return those of the last lines of the log that were not shown yet."""
        seen = self._count_seen(_make_marks(lines))
        return list(lines[seen:]) if seen or not lines else [MISSING, *lines]

    def _count_seen(self, marks: "array[int]") -> int:
        known = self._known
        # A log that was shorter than its tail is known from its beginning; equal lines can't mislead then.
        if self._count < self._tail and marks[: len(known)] == known:
            return len(known)
        for end in range(len(marks), 0, -1):
            length = min(end, len(known))
            if marks[end - length : end] == known[len(known) - length :]:
                return end
        return 0


def _make_marks(lines: Iterable[str]) -> "array[int]":
    return array("q", map(hash, lines))
