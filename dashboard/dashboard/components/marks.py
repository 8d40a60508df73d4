"""Small marks on pages and in cells of tables: states as coloured words, times as "3 minutes ago"."""

from nicegui import ui

_KINDS = {
    "running": "good",
    "done": "good",
    "completed": "good",
    "active": "good",
    "error": "bad",
    "failed": "bad",
    "lost": "bad",
    "cancelled": "soft",
    "created": "wait",
    "starting": "wait",
    "in_progress": "wait",
    "ongoing": "wait",
}
STATUS_CELL = (
    """<span :class="'rt-chip is-' + props.row.status_kind">{{ props.row.status }}</span>"""
)
"""The cell of a row with `status` and `status_kind`."""


def choose_kind(status: str) -> str:
    """Return the kind of a status, which decides its colour: good, bad, wait or soft."""
    return _KINDS.get(status.lower(), "soft")


def add_status(status: str) -> ui.label:
    """Show a status as a coloured word."""
    return ui.label(status.lower().replace("_", " ")).classes(f"rt-chip is-{choose_kind(status)}")


def set_status(mark: ui.label, status: str) -> None:
    """Show another status on a mark that `add_status` made."""
    mark.set_text(status.lower().replace("_", " "))
    mark.classes(replace=f"rt-chip is-{choose_kind(status)}")


def make_time_cell(name: str) -> str:
    """Return the cell of a time, which the row has in seconds since 1970 under a name."""
    return f'<time class="rt-ago" :data-at="props.row.{name}"></time>'


def add_time(seconds: float | None) -> ui.element:
    """Show a time in seconds since 1970 by its distance from now; the exact time is its tooltip."""
    return ui.element("time").classes("rt-ago").props(f'data-at="{seconds or 0}"')


def add_elapsed(start: float, end: float | None) -> ui.element:
    """Show the time between two moments in seconds since 1970; without an end, it runs on."""
    element = ui.element("time").classes("rt-elapsed")
    set_elapsed(element, start, end)
    return element


def set_elapsed(element: ui.element, start: float, end: float | None) -> None:
    """Show another time on an element that `add_elapsed` made."""
    element.props["data-from"] = str(start)
    element.props["data-to"] = str(end or 0)
