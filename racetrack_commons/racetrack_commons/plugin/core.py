"""The hooks that plugins may have. A plugin's class needs no base; whatever it lacks does nothing."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from racetrack_client.manifest import Manifest

from racetrack_commons.entities.dto import JobDto

if TYPE_CHECKING:
    from pathlib import Path

    from racetrack_client.plugin.plugin_manifest import PluginManifest


class PluginCore:
    """Every hook, doing nothing. Methods also name hooks: `engine.invoke_plugin_hook(PluginCore.job_types)`.

    Hooks run in the order of the plugins' priorities. An argument that a plugin's older method
    does not take is left out.
    """

    plugin_manifest: "PluginManifest"
    """Set before `__init__` runs, as are the next two."""
    plugin_dir: "Path"
    """Where the plugin's files are; do not write there."""
    config_path: "Path"
    """The plugin's own configuration; empty until an admin writes it."""

    def job_types(self) -> Mapping[str, Any]:
        """Return job types, `name:version` → definition; called often: by each build and listing.

        A definition is a map with `images`: a list of `{dockerfile_path, source: jobtype|job,
        template: bool}`, one per container, and `process`: the recipe to run jobs without images.
        """
        return {}

    def infrastructure_targets(self) -> Mapping[str, Any]:
        """Return targets, name → `lifecycle.infrastructure.model.InfrastructureTarget`.

        Called at each reload, deployment and look at the jobs: it must be cheap and repeatable.
        """
        return {}

    def job_runtime_env_vars(self) -> Mapping[str, str] | None:
        """Return variables for the environment of every job; infrastructure plugins ask for them."""
        return None

    def validate_job_manifest(self, manifest: Manifest, job_type: str) -> None:
        """Raise to refuse a manifest; asked of the plugin that has the job type, before a build."""

    def post_job_deploy(
        self,
        manifest: Manifest,
        job: JobDto,
        image_name: str,
        deployer_username: str | None = None,
    ) -> None:
        """Learn that a job runs; an error fails the deployment, but does not undo it."""

    def post_job_delete(self, job: JobDto, username_executor: str | None = None) -> None:
        """Learn that a job was deleted, or its old place after a move was cleared."""

    def markdown_docs(self) -> str | None:
        """Return the plugin's page, in Markdown."""
        return None

    def run_action(self, **kwargs: Any) -> Any:  # noqa: ARG002
        """Do what an admin asks of the plugin; returns anything that JSON can hold."""
        return None
