"""Tabs that are links, and code with a button that copies it."""

from collections.abc import Mapping

from nicegui import ui

from dashboard.components.parts import add_copy_button
from dashboard.links import PageLink


def add_tabs(label: str, paths: Mapping[str, str], chosen: str) -> None:
    """Show links in a row, by their texts; the chosen one is marked."""
    navigation = ui.element("nav").classes("rt-tabs w-full")
    navigation.props["aria-label"] = label
    with navigation:
        for text, path in paths.items():
            link = PageLink(text, path).classes("rt-tab")
            if text == chosen:
                link.classes("is-here").props("aria-current=page")


def add_snippet(title: str, text: str) -> None:
    """Show a block of code, with a button that copies it."""
    with ui.column().classes("w-full gap-1"):
        with ui.row().classes("w-full items-center justify-between"):
            ui.label(title).classes("rt-soft")
            add_copy_button(text, f"Copy {title}")
        block = ui.label(text).classes("rt-code rt-mono").props("tabindex=0 role=region")
        block.props["aria-label"] = title
