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
        """Return the plugin's job types, `name:version` → definition; called often: by each build and each listing.

        A definition is a map with `images`: a list of `{dockerfile_path, source: jobtype|job, template: bool}`, one for
        each container, and `process`: the recipe for running jobs without images. A malformed definition makes only
        that job type unavailable.
        """
        return {}

    def infrastructure_targets(self) -> Mapping[str, Any]:
        """Return the plugin's targets, name → `lifecycle.infrastructure.model.InfrastructureTarget`.

        Called at each reload, each deployment and each check of the jobs: it must be cheap and return equal targets.
        """
        return {}

    def job_runtime_env_vars(self) -> Mapping[str, str] | None:
        """Return environment variables for every job, or None; deployers call this before they start a job."""
        return None

    def validate_job_manifest(self, manifest: Manifest, job_type: str) -> None:
        """Raise an error to refuse a manifest; its message is shown to the user.

        Called in the Image Builder before each build, on the plugin that offers the job type `name:version`.
        """

    def post_job_deploy(
        self,
        manifest: Manifest,
        job: JobDto,
        image_name: str,
        deployer_username: str | None = None,
    ) -> None:
        """React to a deployed job, after it serves; an error fails the deployment, but does not undo it."""

    def post_job_delete(self, job: JobDto, username_executor: str | None = None) -> None:
        """React to a deleted job, or to the removal of a moved job from its former target; called after the removal."""

    def markdown_docs(self) -> str | None:
        """Return the plugin's documentation in Markdown, or None; called when a user opens it."""
        return None

    def run_action(self, **kwargs: Any) -> Any:  # noqa: ARG002
        """Run an action that an admin requested, with the keywords of the request; return anything that JSON can hold."""
        return None
