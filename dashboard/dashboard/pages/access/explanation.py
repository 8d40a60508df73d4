"""The explanation of a decision: the chain of rules that allow or deny a subject something."""

from typing import Any
from urllib.parse import quote

from nicegui import ui
from racetrack_client.entities import AuthScope

from dashboard.components.parts import add_heading
from dashboard.pages.access.callers import CallersTable
from dashboard.pages.access.known_names import KnownNames
from dashboard.pages.access.permission_matrix import SCOPES
from dashboard.visit import Visit

_KINDS = {"allow": "good", "deny": "bad"}
_WORDS = {"allow": "allows", "deny": "denies", "continue": "goes on"}

_EVERYONE = "everyone"
_QUESTIONS = (
    "Who may do something with a job, and why? May a subject do it, and which rule decides that?"
)
_OWN_QUESTION = "May you do something with a job, and which rule decides that?"


class ExplanationForm:
    """The question, and the answer below it; it begins with all callers of the latest job."""

    def __init__(self, visit: Visit, names: KnownNames, *, can_ask_about_all: bool) -> None:
        self._visit = visit
        self._names = names
        self._can_ask_about_all = can_ask_about_all

    def build(self) -> None:
        """Add the form."""
        with ui.column().classes("rt-card w-full").props("id=explain"):
            add_heading("Explain a decision", 2)
            ui.label(_QUESTIONS if self._can_ask_about_all else _OWN_QUESTION).classes("rt-soft")
            with ui.row().classes("rt-toolbar items-center w-full"):
                if self._can_ask_about_all:
                    subjects = {_EVERYONE: "Everyone who may", **self._names.subjects}
                    self._subject = ui.select(
                        subjects, label="Who", value=_EVERYONE, with_input=True
                    )
                    self._subject.props("outlined dense").classes("rt-search")
                families = self._names.families
                job = ui.input("Job to ask about", value=next(iter(families), ""))
                job.set_autocomplete(families)
                self._job = job.props("outlined dense").classes("rt-filter")
                self._version = _add_text("Its version", "latest")
                self._endpoint = _add_text("Its endpoint")
                self._scope = ui.select(SCOPES, label="What", value=AuthScope.CALL_JOB.value)
                self._scope.props("outlined dense").classes("rt-filter")
                ui.button("Explain", on_click=self._explain).props("unelevated no-caps")
            self._answer = ui.column().classes("w-full").props("aria-live=polite")

    async def _explain(self) -> None:
        job = (self._job.value or "").strip()
        if not job:
            self._visit.warn("Name the job that the question is about.")
            return
        self._answer.clear()
        subject = self._subject.value if self._can_ask_about_all else None
        version = (self._version.value or "").strip() or "latest"
        params = {"endpoint": (self._endpoint.value or "").strip(), "scope": self._scope.value}
        with self._visit.reporting("There is no explanation"):
            if subject == _EVERYONE:
                path = f"job/{quote(job, safe='')}/{quote(version, safe='')}/callers"
                answer = await self._visit.api.get(path, params)
                with self._answer:
                    _show_everyone(answer)
                return
            about = {"subject": subject, "job": job, "version": version}
            answer = await self._visit.api.get("auth/explain", {**about, **params})
            with self._answer:
                show_decision(answer)


def _show_everyone(answer: dict[str, Any]) -> None:
    about = f"{answer['job_name']} {answer['job_version']}"
    endpoint = f" {answer['endpoint']} of" if answer["endpoint"] else ""
    ui.label(f"Everyone who may {answer['scope']}{endpoint} {about}").classes("text-weight-bold")
    CallersTable().show(answer)


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
