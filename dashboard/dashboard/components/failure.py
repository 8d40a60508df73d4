"""A failure as a reader needs it: the cause, the evidence, and what helps."""

from dataclasses import dataclass

from nicegui import ui

_EVIDENCE = "\nLast log lines:\n"
_HINT = "\nHint: "


@dataclass(frozen=True)
class FailureParts:
    """The parts of the text by which Lifecycle tells why a deployment failed."""

    cause: str
    evidence: str = ""
    hint: str = ""


def split_failure(text: str) -> FailureParts:
    """Return the parts of an error text."""
    rest, mark, hint = text.strip().rpartition(_HINT)
    if not mark:
        rest, hint = text.strip(), ""
    head, _, evidence = rest.partition(_EVIDENCE)
    cause, _, more = head.strip().partition("\n")
    lines = [line.removeprefix("  ") for line in evidence.splitlines()]
    return FailureParts(cause, "\n".join([*more.splitlines(), *lines]).strip("\n"), hint.strip())


class FailureCard:
    """A card with a failure, which is hidden while there is none."""

    def __init__(self, title: str) -> None:
        with ui.column().classes("rt-card rt-failure w-full").props("role=alert") as self._card:
            with ui.row().classes("items-center no-wrap"):
                ui.icon("error_outline", size="sm").props("aria-hidden=true")
                ui.label(title).classes("text-weight-bold")
            self._cause = ui.label().classes("rt-wrap")
            self._evidence = ui.label().classes("rt-code rt-mono").props("tabindex=0 role=region")
            self._evidence.props["aria-label"] = "Evidence"
            self._hint = ui.label().classes("rt-wrap rt-soft")
        self._card.set_visibility(False)

    def show(self, text: str | None) -> None:
        """Show the failure that an error text tells, or nothing without one."""
        failure = split_failure(text or "")
        self._cause.set_text(failure.cause)
        self._evidence.set_text(failure.evidence)
        self._evidence.set_visibility(bool(failure.evidence))
        self._hint.set_text(f"What helps: {failure.hint}" if failure.hint else "")
        self._hint.set_visibility(bool(failure.hint))
        self._card.set_visibility(bool(text))
