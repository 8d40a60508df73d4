"""A job type, resolved for one build."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from racetrack_client.manifest import Manifest


@dataclass(frozen=True)
class ImageTemplate:
    """One image of a job type: where its Dockerfile is."""

    dockerfile_path: str
    is_in_job: bool
    """Whether the path is inside the job's source; otherwise inside the plugin."""
    is_template: bool


@dataclass(frozen=True)
class JobType:
    """What turns a source into an image."""

    name: str
    version: str
    plugin_directory: Path
    images: Sequence[ImageTemplate]
    process: Mapping[str, Any] | None
    """The recipe for running as a process, when the job type has one."""
    validate: Callable[[Manifest], None]
    """Raises when the job type's plugin refuses the manifest."""
    base_dockerfile_path: str | None = None
    """Deprecated: a Dockerfile of the plugin to build first; templates call its image `base_image`."""

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"
