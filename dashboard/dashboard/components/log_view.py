"""A log in the browser: it follows, pauses, wraps, filters and downloads there; the server only sends lines."""

from collections.abc import Iterable

from nicegui.element import Element
from racetrack_client.utils.terminal import make_safe

_MOST_LINES = 5000
_LONGEST_LINE = 4000


class LogView(Element, component="log_view.js"):
    """Shows the last lines of a log; older ones are dropped."""

    def __init__(self, label: str, file_name: str) -> None:
        super().__init__()
        self.classes("w-full")
        self.props["label"] = label
        self.props["file-name"] = file_name
        self.props["most-lines"] = _MOST_LINES

    def append(self, lines: Iterable[str]) -> None:
        """Add lines at the end."""
        self.run_method("append", clean_lines(lines))

    def replace(self, lines: Iterable[str]) -> None:
        """Show other lines in place of the present ones."""
        self.run_method("replace", clean_lines(lines))


def clean_lines(lines: Iterable[str]) -> list[str]:
    """Return the last lines that a browser keeps, without control characters, each of bounded length."""
    last = list(lines)[-_MOST_LINES:]
    return [_shorten(make_safe(line)) for line in last]


def _shorten(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} …"
