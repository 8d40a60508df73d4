"""The hooks that plugins may implement. A plugin's class needs no base class; a hook that it lacks is skipped.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from racetrack_client.manifest import Manifest

from racetrack_commons.entities.dto import JobDto

if TYPE_CHECKING:
    from pathlib import Path

    from racetrack_client.plugin.plugin_manifest import PluginManifest


class PluginCore:
    """All hooks, with defaults that do nothing; a method also names its hook in the engine's calls.

    Hooks run in the order of the plugins' priorities, in the thread of the request or task that calls them: several
    threads may call one plugin at the same time, and a hook may block. An argument that a plugin's method does not take
    is left out. Unless a hook says otherwise, an error that it raises fails the call of the hook.
    """

    plugin_manifest: "PluginManifest"
    """The plugin's manifest; the engine sets this and the next two attributes before `__init__` runs."""
    plugin_dir: "Path"
    """The directory of the plugin's files, which must not be changed."""
    config_path: "Path"
    """The file of the plugin's configuration; it is empty until an admin writes it."""

    def job_types(self) -> Mapping[str, Any]:
        """Return the plugin's job types, `name:version` → definition.

        Called often, by each build and each listing, in the thread of the request. An error that it raises is logged,
        and leaves the plugin's job types out.

        A definition is a map with `images`: a list of `{dockerfile_path, source: jobtype|job, template: bool}`, one for
        each container, and `process`: the recipe for running jobs without images. A malformed definition makes only
        that job type unavailable.
        """
        return {}

    def infrastructure_targets(self) -> Mapping[str, Any]:
        """Return the plugin's targets, name → `lifecycle.infrastructure.model.InfrastructureTarget`.

        Called at each reload, each deployment and each check of the jobs, in the thread of a worker or a periodic task:
        it must be cheap and return equal targets. An error that it raises is logged, and leaves the plugin's targets out.
        """
        return {}

    def job_runtime_env_vars(self) -> Mapping[str, str] | None:
        """Return environment variables for every job, or None for none.

        Called before a job is started, in the thread of the deployment's worker. An error that it raises fails the
        deployment.
        """
        return None

    def validate_job_manifest(self, manifest: Manifest, job_type: str) -> None:
        """Raise an error to refuse a manifest, and return nothing to accept it; the user sees the error's message.

        Called in the Image Builder before each build, in the build's thread, on the plugin that offers the job type
        `name:version`.
        """

    def post_job_deploy(
        self,
        manifest: Manifest,
        job: JobDto,
        image_name: str,
        deployer_username: str | None = None,
    ) -> None:
        """React to a deployed job; what it returns is ignored.

        Called after the job serves, in the thread of the deployment's worker, and possibly again after a crash. An error
        that it raises fails the deployment, but does not undo it.
        """

    def post_job_delete(self, job: JobDto, username_executor: str | None = None) -> None:
        """React to a deleted job, or to the removal of a moved job from its former target; what it returns is ignored.

        Called after the removal, in the thread of the request or of the deployment's worker. An error that it raises is
        reported to the user, but does not bring the job back.
        """

    def markdown_docs(self) -> str | None:
        """Return the plugin's documentation in Markdown, or None.

        Called when a user opens it, in the thread of the request, which fails with an error that this method raises.
        """
        return None

    def run_action(self, **kwargs: Any) -> Any:  # noqa: ARG002
        """Run an action with the keywords of a request, and return anything that JSON can hold.

        Called when an admin asks for it, in the thread of the request, which fails with an error that this method raises.
        """
        return None
