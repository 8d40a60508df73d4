"""The actions on a job. Lifecycle carries it on: a page that is closed or loaded again changes nothing."""

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import background_tasks, ui
from racetrack_client.entities import AuthScope

from dashboard.client.api import ApiError, LifecycleAway
from dashboard.components.dialogs import ask_choice, confirm
from dashboard.pages.job.opened import OpenedJob
from dashboard.visit import Visit

_LONGEST_SECONDS = 2 * 3600
_AWAY = (
    "Lifecycle does not answer now. What has begun there goes on; the deployments show how it ends."
)
_NO_RIGHT = "You may not do this here: it needs the scope {scope} on the job."


def add_actions(job: OpenedJob) -> None:
    """Show the buttons of a job's page."""
    actions = JobActions(job)
    with ui.row().classes("items-center gap-2"):
        link = ui.element("a").classes("rt-button").props("target=_blank rel=noopener")
        link.props["href"] = job.public_url
        with link:
            ui.icon("open_in_new", size="18px").props("aria-hidden=true")
            ui.label("Open")
        with ui.button("Redeploy", icon="restart_alt", on_click=actions.redeploy) as button:
            _limit(button, job, AuthScope.DEPLOY_JOB)
        button.props("outline dense no-caps padding='4px 10px'")
        with ui.button("More", icon="more_vert").props("outline dense no-caps padding='4px 10px'"):
            actions.add_menu()


class JobActions:
    """The actions; each asks Lifecycle, and tells how it went."""

    def __init__(self, job: OpenedJob) -> None:
        self._job = job
        self._visit = job.visit

    def add_menu(self) -> None:
        """Show the menu of what is done less often."""
        deploy, delete = AuthScope.DEPLOY_JOB, AuthScope.DELETE_JOB
        items: list[tuple[str, Callable[[], Awaitable[None]], AuthScope]] = [
            ("Start the same image again", self.reprovision, deploy),
            ("Move to another target …", self.move, deploy),
            ("Let `latest` mean this version", self.pin, deploy),
            ("Let `latest` mean the highest version", self.unpin, deploy),
            ("Delete …", self.delete, delete),
        ]
        with ui.menu():
            for text, act, scope in items:
                with ui.menu_item(
                    text.replace("`", "“", 1).replace("`", "”"), on_click=act
                ) as item:
                    _limit(item, self._job, scope)

    async def redeploy(self) -> None:
        """Build and deploy the job again, if the visitor means it."""
        text = (
            "The job is built from the same source with its present manifest."
            " Calls go to the running instance until the new one is ready."
        )
        if await confirm(f"Redeploy {self._title}?", "Redeploy", text, is_destructive=False):
            self._begin("redeploy", "Redeployment")

    async def reprovision(self) -> None:
        """Start the image of the job again."""
        self._begin("reprovision", "Reprovisioning")

    async def move(self) -> None:
        """Move the job to a target that the visitor chooses."""
        with self._visit.reporting("The infrastructure targets are unknown"):
            targets = await self._visit.api.get("plugin/infrastructure_targets")
            here = self._job.facts["infrastructure_target"]
            choices = {name: name for name in _list_names(targets) if name != here}
            if not choices:
                self._visit.tell(f"{here} is the only infrastructure target.")
                return
            text = f"It runs on {here} now, and until it is ready at the other target."
            target = await ask_choice(f"Move {self._title}", "Move", text, choices)
            if target:
                self._begin("move", "Move", {"infrastructure_target": target})

    async def pin(self) -> None:
        """Let `latest` mean this version."""
        with self._visit.reporting("The version was not pinned"):
            await self._visit.api.put(f"{self._job.api_path}/latest")
            self._visit.tell(
                f"“latest” means {self._job.version} until a higher version is deployed."
            )

    async def unpin(self) -> None:
        """Let `latest` mean the highest version."""
        with self._visit.reporting("The pin was not released"):
            await self._visit.api.delete(f"{self._job.api_path}/latest")
            self._visit.tell("“latest” means the highest version again.")

    async def delete(self) -> None:
        """Delete the job, if the visitor means it."""
        text = "Calls of this version fail then. Its image and its manifest are gone, too."
        if not await confirm(f"Delete {self._title}?", "Delete", text):
            return
        with self._visit.reporting(f"{self._title} was not deleted"):
            await self._visit.api.send("DELETE", self._job.api_path, timeout=_LONGEST_SECONDS)
            self._visit.tell(f"{self._title} is deleted.")
            ui.navigate.to("/jobs")

    @property
    def _title(self) -> str:
        return f"{self._job.name} {self._job.version}"

    def _begin(self, action: str, name: str, payload: dict[str, str] | None = None) -> None:
        path = f"{self._job.api_path}/{action}"
        begin_deployment(self._visit, path, f"{name} of {self._title}", payload)


def begin_deployment(
    visit: Visit, path: str, name: str, payload: dict[str, str] | None = None
) -> None:
    """Ask Lifecycle for a deployment, and tell its end; the request is answered only then."""

    async def wait() -> None:
        try:
            await visit.api.send("POST", path, json=payload, timeout=_LONGEST_SECONDS)
        except ApiError as error:
            _tell_if_open(visit.warn, visit, f"{name} failed: {error}")
        except LifecycleAway:
            _tell_if_open(visit.warn, visit, f"{name}: {_AWAY}")
        else:
            _tell_if_open(visit.tell, visit, f"{name} is done.")

    background_tasks.create(wait(), name=name)
    ui.notify(f"{name} has begun.", position="top-right", timeout=3000)


def _tell_if_open(tell: Callable[[str], None], visit: Visit, text: str) -> None:
    """Show a notice, unless the visitor has closed the page meanwhile."""
    if visit.client.has_socket_connection:
        tell(text)


def _limit(element: Any, job: OpenedJob, scope: AuthScope) -> None:
    """Disable an element, and say why, if the visitor may not use it."""
    if scope in job.allowed:
        return
    element.disable()
    ui.tooltip(_NO_RIGHT.format(scope=scope))


def _list_names(targets: Any) -> list[str]:
    return sorted(targets) if isinstance(targets, list | dict) else []
