"""The activity: what people and services did, with the values that they changed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from nicegui import PageArguments, ui
from racetrack_commons.entities.audit import AuditEventType
from starlette.datastructures import QueryParams

from dashboard.components.editor import add_differences
from dashboard.components.marks import add_time
from dashboard.components.parts import add_facts, add_heading
from dashboard.components.spreadsheet import format_time, write_csv
from dashboard.links import PageLink
from dashboard.visit import Visit, make_path

_PAGE = 50
_MOST_EXPORTED = 10_000
_LARGEST_PAGE = 1000
_FILTERS = ("job_name", "job_version", "event_type", "user", "since", "until", "mine")
_CSV_COLUMNS = {
    "time": "Time (UTC)",
    "event_type": "Type",
    "explanation": "What happened",
    "username_executor": "User",
    "username_subject": "Affected user",
    "job_name": "Job",
    "job_version": "Version",
    "details": "Details",
}


@dataclass(frozen=True)
class EventsQuery:
    """The events that the page shows."""

    filters: Mapping[str, str] = field(default_factory=dict)
    page: int = 1

    @classmethod
    def read(cls, params: QueryParams) -> "EventsQuery":
        """Return the query that a URL holds; what makes no sense there is left out."""
        filters = {name: params[name] for name in _FILTERS if params.get(name)}
        page = params.get("page", "")
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 1
        return cls(filters, max(number, 1))

    def to_url(self) -> str:
        """Return the path of the page with this query."""
        given = {name: value for name, value in self.filters.items() if value}
        paged = {**given, "page": str(self.page)} if self.page > 1 else given
        path = make_path("activity")
        return f"{path}?{urlencode(paged)}" if paged else path

    def to_params(self, limit: int, offset: int) -> dict[str, str | int | None]:
        """Return the parameters of Lifecycle's audit log."""
        return {
            "job_name": self.filters.get("job_name", ""),
            "job_version": self.filters.get("job_version", ""),
            "event_type": self.filters.get("event_type", ""),
            "user": self.filters.get("user", ""),
            "from": find_midnight(self.filters.get("since", ""), 0),
            "until": find_midnight(self.filters.get("until", ""), 1),
            "related_to_me": "1" if self.filters.get("mine") else "",
            "limit": limit,
            "offset": offset,
        }


def find_midnight(text: str, days_later: int) -> int | None:
    """Return the midnight in UTC at which a day begins, days later, in seconds since 1970; None if it is no day."""
    try:
        day = date.fromisoformat(text) + timedelta(days=days_later)
    except (ValueError, OverflowError):
        return None
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


async def show_activity(visit: Visit, args: PageArguments) -> None:
    """Show the audit log, the newest events first."""
    add_heading("Activity")
    page = ActivityPage(visit, EventsQuery.read(args.query_parameters))
    page.build()
    await page.load()


class ActivityPage:
    """The filters, and the list below them."""

    def __init__(self, visit: Visit, query: EventsQuery) -> None:
        self._visit = visit
        self._query = query
        self._shown: list[str] | None = None
        self._opened: set[str] = set()

    def build(self) -> None:
        """Add the filters and the place of the list."""
        with ui.row().classes("rt-toolbar items-center w-full"):
            self._add_text("job_name", "Job")
            self._add_text("job_version", "Version")
            types = {each.value: each.replace("_", " ") for each in AuditEventType}
            kind = ui.select(
                types, label="Type", value=self._find_choice("event_type", types), with_input=True
            )
            self._watch(kind, "event_type")
            self._add_text("user", "User")
            self._add_text("since", "From").props("type=date stack-label")
            self._add_text("until", "To").props("type=date stack-label")
            mine = ui.checkbox("Only mine", value=bool(self._query.filters.get("mine")))
            mine.on_value_change(lambda event: self._set_filter("mine", "1" if event.value else ""))
            ui.space()
            csv = ui.button("CSV", icon="download", on_click=self._download)
            csv.props('outline no-caps aria-label="Download the list as CSV"')
        self._list = ui.column().classes("rt-events w-full").props("role=list aria-label=Events")
        with self._list:
            ui.skeleton().classes("w-full")
        with ui.row().classes("w-full justify-end items-center"):
            self._newer = ui.button("Newer", on_click=lambda: self._turn(-1))
            self._older = ui.button("Older", on_click=lambda: self._turn(1))
            for button in (self._newer, self._older):
                button.props("outline no-caps")
        self._visit.on_change({"audit"}, self.load)

    async def load(self) -> None:
        """Fetch the events; a list that has not changed stays as it is."""
        offset = (self._query.page - 1) * _PAGE
        events = await self._fetch(_PAGE + 1, offset)
        self._newer.set_visibility(self._query.page > 1)
        self._older.set_visibility(len(events) > _PAGE)
        ids = [event["id"] for event in events[:_PAGE]]
        if ids == self._shown:
            return
        self._shown = ids
        self._list.clear()
        with self._list:
            for event in events[:_PAGE]:
                self._add_event(event)
            if not events:
                with ui.row().classes("rt-empty items-center"):
                    ui.icon("history", size="md").props("aria-hidden=true")
                    ui.label("Nothing happened yet, or nothing that matches the filters.")

    async def _fetch(self, limit: int, offset: int) -> list[dict[str, Any]]:
        params = self._query.to_params(limit, offset)
        answer = await self._visit.api.get("audit/activity", params)
        events: list[dict[str, Any]] = answer["events"]
        return events

    def _add_event(self, event: dict[str, Any]) -> None:
        with ui.column().classes("rt-event w-full").props("role=listitem"):
            with ui.row().classes("w-full items-center no-wrap"):
                with ui.column().classes("rt-event-text"):
                    ui.label(event["explanation"]).classes("rt-wrap")
                    with ui.row().classes("rt-soft items-center rt-event-facts"):
                        ui.label(event["event_type"].replace("_", " "))
                        add_time(event["timestamp"])
                        if event["job_name"] and event["job_version"]:
                            PageLink(
                                f"{event['job_name']} {event['job_version']}",
                                make_path("jobs", event["job_name"], event["job_version"]),
                            )
                button = ui.button("Details").props("flat dense no-caps")
            place = ui.column().classes("w-full")
        button.on_click(lambda: self._toggle(event, place))
        button.set_visibility(bool(event["properties"]))
        if event["id"] in self._opened:
            _show_details(place, event["properties"])

    def _toggle(self, event: dict[str, Any], place: ui.column) -> None:
        if event["id"] in self._opened:
            self._opened.discard(event["id"])
            place.clear()
        else:
            self._opened.add(event["id"])
            _show_details(place, event["properties"])

    def _add_text(self, name: str, label: str) -> ui.input:
        box = ui.input(label, value=self._query.filters.get(name, ""))
        box.props("debounce=300")
        self._watch(box, name)
        return box

    def _watch(self, box: Any, name: str) -> None:
        box.props("outlined dense clearable").classes("rt-filter")
        box.on_value_change(lambda event: self._set_filter(name, (event.value or "").strip()))

    def _find_choice(self, name: str, choices: Mapping[str, str]) -> str | None:
        value = self._query.filters.get(name)
        return value if value in choices else None

    async def _set_filter(self, name: str, value: str) -> None:
        await self._change(EventsQuery({**self._query.filters, name: value}))

    async def _turn(self, pages: int) -> None:
        await self._change(EventsQuery(self._query.filters, self._query.page + pages))

    async def _change(self, query: EventsQuery) -> None:
        if query.to_url() == self._query.to_url():
            return
        self._query, self._shown = query, None
        ui.navigate.history.replace(query.to_url())
        with self._visit.reporting("The events could not be fetched"):
            await self.load()

    async def _download(self) -> None:
        events: list[dict[str, Any]] = []
        with self._visit.reporting("The events could not be fetched"):
            while len(events) < _MOST_EXPORTED:
                page = await self._fetch(_LARGEST_PAGE, len(events))
                events += page
                if len(page) < _LARGEST_PAGE:
                    break
            content = write_csv(_CSV_COLUMNS, (_make_csv_row(event) for event in events))
            ui.download.content(content, "activity.csv", "text/csv")


def _show_details(place: ui.column, properties: Mapping[str, Any]) -> None:
    """Show the properties of an event; what was changed is compared key by key."""
    before, after = properties.get("before"), properties.get("after")
    with place:
        add_facts(
            {
                name.replace("_", " "): write_value(value)
                for name, value in properties.items()
                if name not in ("before", "after")
            }
        )
        for key in list_changed_keys(before, after):
            add_heading(key.replace("_", " "), 3)
            add_differences(_pick(before, key), _pick(after, key))


def list_changed_keys(before: Any, after: Any) -> list[str]:
    """List the keys of two records; of other values, the key that stands for the whole."""
    if isinstance(before, Mapping) or isinstance(after, Mapping):
        return list(dict.fromkeys([*(before or {}), *(after or {})]))
    return ["change"] if before is not None or after is not None else []


def write_value(value: Any) -> str:
    """Return a value of JSON as a text that people read: texts as they are, everything else indented."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def _pick(values: Any, key: str) -> str:
    return write_value(values.get(key) if isinstance(values, Mapping) else values)


def _make_csv_row(event: dict[str, Any]) -> dict[str, object]:
    details = write_value(event["properties"]) if event["properties"] else ""
    return {**event, "time": format_time(event["timestamp"]), "details": details}
