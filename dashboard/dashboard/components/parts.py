"""Small parts of pages: headings, facts, and texts that can be copied."""

from collections.abc import Mapping

from nicegui import ui

from dashboard.visit import Visit


def add_heading(text: str, level: int = 1) -> ui.label:
    """Show a heading; each page has one of level 1."""
    size = "rt-heading" if level == 1 else "rt-subheading"
    return ui.label(text).classes(size).props(f"role=heading aria-level={level}")


def add_facts(facts: Mapping[str, str]) -> None:
    """Show texts with their names; those that are empty are left out."""
    with ui.element("dl").classes("rt-facts"):
        for name, text in facts.items():
            if text:
                with ui.element("dt"):
                    ui.label(name)
                with ui.element("dd"):
                    ui.label(text)


def add_copy_button(text: str, label: str) -> ui.button:
    """Show a button that copies a text without asking the server; the label says which text that is."""
    button = ui.button(icon="content_copy").props("flat round dense size=sm").classes("rt-copy")
    button.props["data-copy"] = text
    button.props["aria-label"] = label
    button.tooltip(label)
    return button


def add_copyable(text: str, label: str) -> None:
    """Show a text as code, with a button that copies it."""
    with ui.row().classes("rt-copyable w-full"):
        ui.label(text).classes("rt-code rt-mono")
        add_copy_button(text, label)


def refuse_non_staff(visit: Visit, title: str) -> bool:
    """Show why a page for staff is not shown, if the visitor is no staff; return whether it was refused."""
    if visit.user.is_staff:
        return False
    add_heading(title)
    with ui.row().classes("rt-banner").props("role=alert"):
        ui.icon("lock", size="sm").props("aria-hidden=true")
        ui.label(
            f"This page is for staff, and {visit.user.username} is not staff. "
            "A superuser of this platform can make you staff on the page of users."
        )
    return True
