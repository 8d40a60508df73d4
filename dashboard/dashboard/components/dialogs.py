"""Dialogs: the question before something is destroyed, and the form that makes something."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from nicegui import ui

from dashboard.components.parts import add_copyable, add_heading


async def confirm(
    question: str, action: str, consequence: str = "", *, is_destructive: bool = True
) -> bool:
    """Ask whether to do something that can't be undone, or that takes long; return True if the visitor says so.

    `action` is the text of the button that does it: "Delete 3 jobs".
    """
    with ui.dialog() as dialog, ui.card().classes("rt-dialog"):
        add_heading(question, 2)
        if consequence:
            ui.label(consequence).classes("rt-wrap")
        with ui.row().classes("w-full justify-end"):
            ui.button("Cancel", on_click=lambda: dialog.submit(False)).props(
                "flat no-caps autofocus"
            )
            ui.button(action, on_click=lambda: dialog.submit(True)).props(
                f"unelevated no-caps {'color=negative' if is_destructive else ''}"
            )
    dialog.props["aria-label"] = question
    answer = await dialog
    dialog.delete()
    return bool(answer)


async def ask_choice(
    question: str, action: str, explanation: str, choices: dict[str, str]
) -> str | None:
    """Return the chosen value, or None if the visitor wants nothing."""
    with ui.dialog() as dialog, ui.card().classes("rt-dialog"):
        add_heading(question, 2)
        ui.label(explanation).classes("rt-wrap")
        box = ui.select(choices, label="Choice", value=next(iter(choices))).classes("w-full")
        box.props("outlined dense")
        with ui.row().classes("w-full justify-end"):
            ui.button("Cancel", on_click=dialog.close).props("flat no-caps")
            button = ui.button(action, on_click=lambda: dialog.submit(box.value))
            button.props("unelevated no-caps")
    dialog.props["aria-label"] = question
    answer = await dialog
    dialog.delete()
    return str(answer) if answer else None


@contextmanager
def form_dialog(
    title: str, action: str, submit: Callable[[], Awaitable[bool]]
) -> Iterator[ui.dialog]:
    """Open a dialog whose fields are added within; `submit` returns True if the dialog may close."""

    async def try_submit() -> None:
        button.props("loading")
        if await submit():
            dialog.close()
        button.props(remove="loading")

    with ui.dialog() as dialog, ui.card().classes("rt-dialog"):
        add_heading(title, 2)
        yield dialog
        with ui.row().classes("w-full justify-end"):
            ui.button("Cancel", on_click=dialog.close).props("flat no-caps")
            button = ui.button(action, on_click=try_submit).props("unelevated no-caps")
    dialog.props["aria-label"] = title
    dialog.on("hide", dialog.delete)
    dialog.open()


def show_once(title: str, secret: str, note: str = "It is shown this once. Copy it now.") -> None:
    """Show a secret in a dialog that stays until it is closed, also when the one that made it closes."""
    with (
        ui.context.client,
        ui.dialog().props("persistent") as dialog,
        ui.card().classes("rt-dialog"),
    ):
        add_heading(title, 2)
        ui.label(note)
        add_copyable(secret, "Copy it")
        with ui.row().classes("w-full justify-end"):
            ui.button("Done", on_click=dialog.close).props("unelevated no-caps")
    dialog.props["aria-label"] = title
    dialog.on("hide", dialog.delete)
    dialog.open()
