"""The difference of two values: which lines were taken away, and which came."""

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nicegui import ui

_MARKS = {"-": "removed", "+": "added", " ": "kept"}


@dataclass(frozen=True)
class DiffLine:
    """A line of a difference."""

    mark: str
    """A minus, a plus, or a space."""
    text: str


def list_diff_lines(before: str, after: str) -> Iterator[DiffLine]:
    """List the lines of both texts in order, each with its mark."""
    old, new = before.splitlines(), after.splitlines()
    matcher = difflib.SequenceMatcher(a=old, b=new, autojunk=False)
    for _, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if old[old_start:old_end] == new[new_start:new_end]:
            yield from (DiffLine(" ", line) for line in old[old_start:old_end])
            continue
        yield from (DiffLine("-", line) for line in old[old_start:old_end])
        yield from (DiffLine("+", line) for line in new[new_start:new_end])


def write_value(value: Any) -> str:
    """Return a value of JSON as a text that people read: texts as they are, everything else indented."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def add_diff(before: str, after: str) -> None:
    """Show the difference of two texts; the marks are text, not only colours."""
    with ui.element("div").classes("rt-diff rt-mono").props("tabindex=0 role=group"):
        for line in list_diff_lines(before, after):
            ui.label(f"{line.mark} {line.text}").classes(f"is-{_MARKS[line.mark]}")
