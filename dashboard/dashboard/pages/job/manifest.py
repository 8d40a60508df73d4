"""The manifest of a job: an editor that checks it, and shows what changes before it is saved."""

from nicegui import PageArguments, ui
from racetrack_client.entities import AuthScope

from dashboard.components.editor import add_differences, set_unsaved
from dashboard.components.parts import add_copy_button, add_heading
from dashboard.pages.job.actions import begin_deployment
from dashboard.pages.job.opened import OpenedJob
from dashboard.pages.manifest_input import ManifestInput

_NO_RIGHT = "You may read the manifest. To change it you need the scope deploy_job on the job."
_EFFECT = (
    "Saving alone changes nothing that runs: the manifest counts from the next redeployment on."
    " “Save and redeploy” builds the job again now; calls go to the running instance until the new one is ready."
)


async def show_manifest(job: OpenedJob, _: PageArguments) -> None:
    """Show the editor."""
    stored = await job.visit.api.get(f"{job.api_path}/manifest")
    ManifestForm(job, stored["manifest_yaml"])


class ManifestForm:
    """The editor; `_stored` is the text that Lifecycle has."""

    def __init__(self, job: OpenedJob, text: str) -> None:
        self._job, self._stored = job, text
        may_save = AuthScope.DEPLOY_JOB in job.allowed
        self._frame = ui.column().classes("w-full")
        with self._frame:
            ui.label(_EFFECT if may_save else _NO_RIGHT).classes("rt-soft")
            self._editor = ManifestInput(job.visit, "Manifest of the job", text, self._show_state)
            with ui.row().classes("items-center"):
                self._save = ui.button("Save …", icon="save", on_click=self._ask)
                self._save.props("unelevated no-caps")
                self._undo = ui.button("Undo changes", on_click=self._reset).props("flat no-caps")
                self._copy = add_copy_button(text, "Copy the saved manifest")
        self._editor.box.on_value_change(self._show_state)
        if not may_save:
            self._editor.box.disable()
        self._show_state()

    def _show_state(self) -> None:
        is_changed = self._editor.text != self._stored
        self._save.set_enabled(is_changed and self._editor.is_valid)
        self._undo.set_enabled(is_changed)
        set_unsaved(self._frame, is_unsaved=is_changed)

    def _reset(self) -> None:
        self._editor.box.set_value(self._stored)

    async def _ask(self) -> None:
        """Show what changes, and save it if the visitor means it."""
        text = self._editor.text
        with ui.dialog() as dialog, ui.card().classes("rt-dialog"):
            add_heading("Save this manifest?", 2)
            add_differences(self._stored, text)
            ui.label(_EFFECT).classes("rt-soft")
            with ui.row().classes("w-full justify-end"):
                ui.button("Cancel", on_click=dialog.close).props("flat no-caps")
                save = ui.button("Save only", on_click=lambda: dialog.submit("save"))
                save.props("outline no-caps")
                both = ui.button("Save and redeploy", on_click=lambda: dialog.submit("redeploy"))
                both.props("unelevated no-caps")
        answer = await dialog
        dialog.delete()
        if answer:
            await self._store(text, is_redeployed=answer == "redeploy")

    async def _store(self, text: str, *, is_redeployed: bool) -> None:
        job = self._job
        with job.visit.reporting("The manifest was not saved"):
            answer = await job.visit.api.put(f"{job.api_path}/manifest", {"manifest_yaml": text})
            self._stored = text
            self._copy.props["data-copy"] = text
            self._show_state()
            warning = (answer or {}).get("warnings")
            job.visit.tell(f"The manifest is saved. {warning or ''}".strip())
            if is_redeployed:
                name = f"Redeployment of {job.name} {job.version}"
                begin_deployment(job.visit, f"{job.api_path}/redeploy", name)
