"""A code editor with a name, which follows the theme, and a list of differences between two texts."""

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from nicegui import ui

from dashboard.web.static_files import make_static_path


def add_editor(label: str, text: str, language: Literal["YAML", "JSON"]) -> ui.codemirror:
    """Show an editor; screen readers know it by the label.

    A later change of its properties would replace what the visitor types at that moment.
    """
    frame = ui.element().classes("rt-editor w-full")
    frame.props["data-label"] = label
    with frame:
        return ui.codemirror(
            text, language=language, theme="githubLight", indent="  ", line_wrapping=True
        )


def complete_keys(editor: ui.codemirror, keys: Sequence[Mapping[str, Any]]) -> None:
    """Let an editor of YAML complete keys and values: each has `key`, `kind`, `description` and `values`."""
    script = make_static_path("completion.js")
    with editor.client:
        ui.run_javascript(
            f"import('{script}').then(it => it.completeKeys({editor.id}, {json.dumps(keys)}))"
        )


def set_unsaved(element: ui.element, *, is_unsaved: bool) -> None:
    """Mark an element as one with changes that are not saved: the browser asks before it leaves the page."""
    if is_unsaved:
        element.props["data-unsaved"] = "yes"
    else:
        element.props(remove="data-unsaved")


def list_differences(before: str, after: str) -> list[tuple[str, str]]:
    """List the lines that differ, and some around them, each with its mark: `+`, `-`, a space, or `@` for a gap."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3)
    return [(line[0], line[1:] if line[0] != "@" else "") for line in list(lines)[2:]]


def add_differences(before: str, after: str) -> None:
    """Show the lines that differ."""
    kinds = {"+": "is-added", "-": "is-removed", "@": "is-gap"}
    frame = ui.element("div").classes("rt-diff rt-mono w-full").props("tabindex=0 role=region")
    frame.props["aria-label"] = "Changes"
    with frame:
        for mark, line in list_differences(before, after):
            ui.label(f"{mark} {line}" if mark != "@" else "…").classes(kinds.get(mark, ""))
