"""The job types of the plugins that are installed."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from racetrack_client.log.context_error import ContextError
from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest import Manifest
from racetrack_commons.plugin import job_types as offered
from racetrack_commons.plugin.core import PluginCore
from racetrack_commons.plugin.engine import PluginEngine
from racetrack_commons.plugin.job_type_definition import ImageSource

from image_builder.build_request import ImageKind
from image_builder.job_type.job_type import ImageTemplate, JobType
from image_builder.job_type.resolve import JobTypes


class PluginJobTypes(JobTypes):
    """Asks the plugins of a directory, again for each build: they may have changed."""

    def __init__(self, plugins_dir: Path) -> None:
        self._listeners: list[Callable[[], None]] = []
        self._engine = PluginEngine(plugins_dir, on_reload=self._tell)

    def resolve(self, wanted: str, kind: ImageKind) -> JobType:
        """Return the job type, as the rules of the platform choose it."""
        # Lifecycle may have installed or removed one a moment ago.
        self._engine.catch_up()
        return self._adapt(offered.resolve_job_type(self._engine, wanted, kind))

    def list_all(self) -> Sequence[JobType]:
        """Return the job types of all plugins."""
        gathered = offered.gather_job_types(self._engine)
        return [self._adapt(job_type) for job_type in gathered.by_key.values()]

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call the listener after each reload of the plugins."""
        self._listeners.append(listener)

    def stop(self) -> None:
        """Stop watching for changes."""
        self._engine.stop()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    def _adapt(self, job_type: offered.JobType) -> JobType:
        images = [
            ImageTemplate(
                dockerfile_path=image.dockerfile_path,
                is_in_job=image.source == ImageSource.JOB,
                is_template=image.template,
            )
            for image in job_type.images
        ]
        return JobType(
            name=job_type.name,
            version=job_type.version,
            plugin_directory=job_type.plugin_dir,
            images=images,
            process=job_type.process,
            validate=partial(self._validate, job_type),
            base_dockerfile_path=job_type.definition.base_dockerfile_path,
        )

    def _validate(self, job_type: offered.JobType, manifest: Manifest) -> None:
        hook = PluginCore.validate_job_manifest
        if not hasattr(job_type.plugin.plugin_instance, hook.__name__):
            return
        try:
            self._engine.invoke_plugin_data_hook(job_type.plugin, hook, manifest, str(job_type))
        except Exception as error:
            # Whatever the plugin raises means no; our words around it don't help the job's author.
            is_wrapped = isinstance(error, ContextError) and error.__cause__ is not None
            raise ValidationError(str(error.__cause__ if is_wrapped else error)) from error
