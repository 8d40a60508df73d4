"""The job types that builds may use: the port that lists them, and the plugins behind it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

from racetrack_client.entities import ImageKind
from racetrack_client.log.context_error import ContextError
from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest import Manifest
from racetrack_commons.plugin.core import PluginCore
from racetrack_commons.plugin.engine import PluginEngine
from racetrack_commons.plugin.job_types import JobType, gather_job_types, resolve_job_type


class JobTypeCatalog(ABC):
    """The job types that plugins offer. Builds call it from their own threads."""

    @abstractmethod
    def resolve(self, wanted: str, kind: ImageKind) -> JobType:
        """Return the job type for `name:version`, where the version may be `latest` or a pattern.

        Among several versions, the highest that can make this kind of image is returned.
        Raises ValidationError, which lists the available job types, when none fits. Called once for each build.
        """

    @abstractmethod
    def check_manifest(self, job_type: JobType, manifest: Manifest) -> None:
        """Raise ValidationError when the plugin of the job type refuses the manifest. Called once for each build."""

    @abstractmethod
    def list_all(self) -> Sequence[JobType]:
        """Return every job type that works now; broken ones are left out. Raises nothing."""

    @abstractmethod
    def on_change(self, listener: Callable[[], None]) -> None:
        """Call the listener after each change of the job types, from the thread that noticed the change."""


class PluginJobTypes(JobTypeCatalog):
    """The job types of the plugins in a directory, which is read again for each build."""

    def __init__(self, plugins_dir: Path) -> None:
        self._listeners: list[Callable[[], None]] = []
        self._engine = PluginEngine(plugins_dir, on_reload=self._notify_listeners)

    def resolve(self, wanted: str, kind: ImageKind) -> JobType:
        """Return the job type that the installed plugins offer at this moment."""
        # Lifecycle may have installed or removed a plugin a moment ago.
        self._engine.catch_up()
        return resolve_job_type(self._engine, wanted, kind)

    def check_manifest(self, job_type: JobType, manifest: Manifest) -> None:
        """Call the plugin's hook `validate_job_manifest`, when the plugin has one."""
        hook = PluginCore.validate_job_manifest
        if not hasattr(job_type.plugin.plugin_instance, hook.__name__):
            return
        try:
            self._engine.invoke_plugin_data_hook(job_type.plugin, hook, manifest, str(job_type))
        except Exception as error:
            # Any error of the plugin is a refusal; the words that the engine adds don't help the job's author.
            is_wrapped = isinstance(error, ContextError) and error.__cause__ is not None
            raise ValidationError(str(error.__cause__ if is_wrapped else error)) from error

    def list_all(self) -> Sequence[JobType]:
        """Return the job types of all plugins."""
        return list(gather_job_types(self._engine).by_key.values())

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call the listener after each reload of the plugins."""
        self._listeners.append(listener)

    def stop(self) -> None:
        """Stop watching the directory."""
        self._engine.stop()

    def _notify_listeners(self) -> None:
        for listener in self._listeners:
            listener()
