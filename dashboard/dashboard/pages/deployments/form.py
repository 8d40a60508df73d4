"""The form that deploys a job from its repository."""

from typing import Any

from nicegui import ui
from racetrack_client.log.errors import ValidationError
from racetrack_client.utils.datamodel import load_yaml_map

from dashboard.components.editor import set_unsaved
from dashboard.components.parts import add_heading
from dashboard.pages.deployments.secrets import read_variables
from dashboard.pages.manifest_input import ManifestInput
from dashboard.visit import Visit, make_path
from dashboard.web.session import BASE_PATH

_EXAMPLE = """name: my-job
owner_email: {owner}
version: 0.0.1
jobtype: python3:latest
git:
  remote: https://github.com/my-team/my-repository
  branch: main
  directory: .
jobtype_extra:
  entrypoint_path: entrypoint.py
  entrypoint_class: JobEntrypoint
"""
_INTRODUCTION = (
    "The platform clones the repository that the manifest names, builds the job and starts it."
    " To deploy a directory of your machine, run `racetrack deploy` in it."
)


async def show_deploy_form(visit: Visit) -> None:
    """Show the form."""
    add_heading("Deploy a job")
    ui.label(_INTRODUCTION).classes("rt-soft")
    DeployForm(visit)


class DeployForm:
    """The manifest, credentials and secrets of a new deployment."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        user = visit.user.username
        self._example = _EXAMPLE.format(owner=user if "@" in user else "you@example.com")
        self._frame = ui.column().classes("w-full")
        with self._frame:
            self._editor = ManifestInput(visit, "Manifest", self._example, self._show_state)
            with ui.expansion("Credentials of the git host, for a private repository").classes(
                "w-full"
            ):
                self._user = _add_field("User name", "off")
                self._token = _add_field("Password or token", "new-password").props("type=password")
            with ui.expansion("Secret variables").classes("w-full"):
                ui.label(
                    "A line for each, such as API_KEY=…; they are kept out of the image."
                ).classes("rt-soft")
                self._build = _add_area("Secrets of the build")
                self._runtime = _add_area("Secrets of the running job")
            self._force = ui.checkbox("Replace the version if it is there already")
            self._deploy = ui.button("Deploy", icon="rocket_launch", on_click=self._begin)
            self._deploy.props("unelevated no-caps")
        self._editor.box.on_value_change(self._show_state)
        self._show_state()

    def _show_state(self) -> None:
        self._deploy.set_enabled(self._editor.is_valid)
        set_unsaved(self._frame, is_unsaved=self._editor.text != self._example)

    async def _begin(self) -> None:
        try:
            payload = self._make_payload()
        except (ValueError, ValidationError) as error:
            self._visit.warn(str(error))
            return
        self._deploy.props("loading")
        with self._visit.reporting("The deployment did not begin"):
            answer = await self._visit.api.post("deploy", payload)
            set_unsaved(self._frame, is_unsaved=False)
            ui.navigate.to(make_path("deployments", answer["id"]).removeprefix(BASE_PATH))
        self._deploy.props(remove="loading")

    def _make_payload(self) -> dict[str, Any]:
        user, token = (self._user.value or "").strip(), self._token.value or ""
        if bool(user) != bool(token):
            raise ValueError(
                "Credentials of the git host are a user name and a password: one of them is missing."
            )
        secrets = {
            "build_env": read_variables("secrets of the build", self._build.value or ""),
            "runtime_env": read_variables("secrets of the running job", self._runtime.value or ""),
        }
        return {
            "manifest": load_yaml_map(self._editor.text),
            "git_credentials": {"username": user, "password": token} if user else None,
            "secret_vars": secrets if any(secrets.values()) else None,
            "force": self._force.value,
        }


def _add_field(label: str, autocomplete: str) -> ui.input:
    field = ui.input(label).classes("rt-narrow")
    return field.props(f"outlined dense autocomplete={autocomplete}")


def _add_area(label: str) -> ui.textarea:
    return (
        ui.textarea(label)
        .classes("w-full")
        .props("outlined dense autogrow spellcheck=false input-class=rt-mono")
    )
