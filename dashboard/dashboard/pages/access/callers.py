"""The subjects that have a scope on a job, each with the reasons."""

from typing import Any

from nicegui import ui

from dashboard.components.plain_table import PlainTable
from dashboard.components.server_table import Row, TableColumn

_KINDS = {
    "anyone": "without a token",
    "user": "user",
    "esc": "external consumer",
    "job_family": "job family",
}
_COLUMNS = [
    TableColumn("caller", "Caller", sort="caller"),
    TableColumn("kind", "Kind", sort="kind"),
    TableColumn("why", "Why", template='<span class="rt-wrap">{{ props.row.why }}</span>'),
]
_INCOMPLETE = "These are you and the public endpoints only: staff, and those who may deploy the job, see all callers."


class CallersTable:
    """The table, with a note above it if it is not complete."""

    def __init__(self) -> None:
        self._note = ui.label(_INCOMPLETE).classes("rt-soft")
        self._note.set_visibility(False)
        self._table = PlainTable(_COLUMNS, "There are no callers yet.", "Callers of the job")

    def show(self, answer: dict[str, Any]) -> None:
        """Show the callers that Lifecycle lists."""
        self._table.show([make_caller_row(each) for each in answer["callers"]])
        self._note.set_visibility(not answer["is_complete"])


def make_caller_row(caller: dict[str, Any]) -> Row:
    """Return the row of a caller, with the reasons why it may call the job."""
    reasons = caller["reasons"]
    return {
        "id": f"{caller['kind']}:{caller['name']}",
        "caller": caller["display_name"] or caller["name"],
        "kind": _KINDS.get(caller["kind"], caller["kind"]),
        "why": "; ".join(dict.fromkeys(each["description"] for each in reasons)),
    }
