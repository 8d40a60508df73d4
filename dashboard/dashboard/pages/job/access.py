"""The access to a job: public endpoints, and the rules that decide about a subject."""

from typing import Any

from nicegui import PageArguments, ui

from dashboard.components.parts import add_heading
from dashboard.pages.access.callers import CallersTable
from dashboard.pages.access.explanation import show_decision
from dashboard.pages.job.opened import OpenedJob

_SCOPES = {
    "call_job": "call it",
    "read_job": "see it and its logs",
    "deploy_job": "deploy it",
    "delete_job": "delete it",
}


async def show_access(job: OpenedJob, _: PageArguments) -> None:
    """Show the public endpoints, and the form that explains decisions."""
    with ui.element("div").classes("rt-columns"):
        with ui.column().classes("rt-card"):
            add_heading("Public endpoints", 2)
            endpoints = ui.column().classes("w-full gap-1")
        with ui.column().classes("rt-card"):
            add_heading("Why may a subject do this, or not?", 2)
            explanation = AccessExplanation(job)
    add_heading("Callers", 2)
    callers = CallersTable()

    async def refresh() -> None:
        found = await job.visit.api.get(f"{job.api_path}/public-endpoints")
        endpoints.clear()
        with endpoints:
            _show_endpoints(job, found)
        callers.show(await job.visit.api.get(f"{job.api_path}/callers"))

    await refresh()
    await explanation.explain()
    job.visit.on_change({"public_endpoint", "permission", "user", "esc", "job"}, refresh)


class AccessExplanation:
    """A form: a subject and a scope; below it the decision, with the rules that led to it."""

    def __init__(self, job: OpenedJob) -> None:
        self._job = job
        with ui.row().classes("items-center w-full"):
            self._subject = ui.input("User, consumer or job family", value=job.visit.user.username)
            self._subject.props("outlined dense").classes("rt-filter")
            self._scope = ui.select(_SCOPES, label="May it …", value="call_job")
            self._scope.props("outlined dense options-dense").classes("rt-filter")
            self._endpoint = ui.input("Endpoint, such as /api/v1/perform")
            self._endpoint.props("outlined dense").classes("rt-filter")
            ui.button("Explain", on_click=self.explain).props("unelevated no-caps")
        self._subject.on("keydown.enter", self.explain)
        self._answer = ui.column().classes("w-full").props("aria-live=polite")

    async def explain(self) -> None:
        """Ask Lifecycle, and show what it answers."""
        job = self._job
        params = {
            "subject": (self._subject.value or "").strip(),
            "scope": self._scope.value,
            "job": job.name,
            "version": job.version,
            "endpoint": (self._endpoint.value or "").strip(),
        }
        with job.visit.reporting("The decision could not be explained"):
            decision = await job.visit.api.get("auth/explain", params)
            self._answer.clear()
            with self._answer:
                show_decision(decision)


def _show_endpoints(job: OpenedJob, found: list[dict[str, Any]]) -> None:
    asked = set((job.facts["manifest"] or {}).get("public_endpoints") or ())
    public = {each["endpoint"] for each in found if each["active"]}
    for endpoint in sorted(public):
        ui.label(f"{endpoint} can be called without a token.").classes("rt-wrap")
    for endpoint in sorted(asked - public):
        ui.label(f"{endpoint} waits for an administrator's consent.").classes("rt-wrap")
    if not public | asked:
        ui.label(
            "None: each call needs a token. `public_endpoints` in the manifest asks for some."
        ).classes("rt-soft")
