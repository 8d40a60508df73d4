"""The explanation of a decision: the chain of rules that allow or deny a subject something."""

from collections.abc import Mapping
from typing import Any

from nicegui import ui
from racetrack_client.entities import AuthScope

from dashboard.components.parts import add_heading
from dashboard.pages.access.permission_matrix import SCOPES
from dashboard.visit import Visit

_KINDS = {"allow": "good", "deny": "bad"}
_WORDS = {"allow": "allows", "deny": "denies", "continue": "goes on"}


class ExplanationForm:
    """The question, and the answer below it."""

    def __init__(self, visit: Visit, subjects: Mapping[str, str], can_ask_about_all: bool) -> None:
        self._visit = visit
        self._subjects = dict(subjects)
        self._can_ask_about_all = can_ask_about_all

    def build(self) -> None:
        """Add the form."""
        with ui.column().classes("rt-card w-full").props("id=explain"):
            add_heading("Explain a decision", 2)
            ui.label("May a subject do something with a job, and which rule decides that?").classes(
                "rt-soft"
            )
            with ui.row().classes("rt-toolbar items-center w-full"):
                if self._can_ask_about_all:
                    own = f"user:{self._visit.user.username}"
                    self._subject = ui.select(
                        self._subjects, label="Who", value=own, with_input=True
                    )
                    self._subject.props("outlined dense").classes("rt-search")
                self._job = _add_text("Job to ask about")
                self._version = _add_text("Its version", "latest")
                self._endpoint = _add_text("Its endpoint")
                self._scope = ui.select(SCOPES, label="What", value=AuthScope.CALL_JOB.value)
                self._scope.props("outlined dense").classes("rt-filter")
                ui.button("Explain", on_click=self._explain).props("unelevated no-caps")
            self._answer = ui.column().classes("w-full").props("aria-live=polite")

    async def _explain(self) -> None:
        params = {
            "subject": self._subject.value if self._can_ask_about_all else None,
            "job": (self._job.value or "").strip(),
            "version": (self._version.value or "").strip() or "latest",
            "endpoint": (self._endpoint.value or "").strip() or None,
            "scope": self._scope.value,
        }
        if not params["job"]:
            self._visit.warn("Name the job that the question is about.")
            return
        self._answer.clear()
        with self._visit.reporting("There is no explanation"):
            decision = await self._visit.api.get("auth/explain", params)
            with self._answer:
                show_decision(decision)


def show_decision(decision: dict[str, Any]) -> None:
    """Show a decision as Lifecycle explains it: the answer in a sentence, then its rules in order."""
    about = f"{decision['job_name']} {decision['job_version']}"
    endpoint = f" {decision['endpoint']} of" if decision["endpoint"] else ""
    verb = "may" if decision["allowed"] else "may not"
    ui.label(f"{decision['subject']} {verb} {decision['scope']}{endpoint} {about}").classes(
        "text-weight-bold rt-wrap"
    )
    with ui.element("ol").classes("rt-rules"):
        for rule in decision["rules"]:
            with ui.element("li"), ui.row().classes("items-center"):
                kind = _KINDS.get(rule["effect"], "soft")
                ui.label(_WORDS.get(rule["effect"], rule["effect"])).classes(f"rt-chip is-{kind}")
                ui.label(f"{rule['rule']}: {rule['reason']}").classes("rt-wrap")


def _add_text(label: str, value: str = "") -> ui.input:
    box = ui.input(label, value=value)
    return box.props("outlined dense").classes("rt-filter")
