"""The Dockerfiles of a job: finding them, rendering them, and adapting them to clients without named contexts."""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from racetrack_client.client.source_paths import resolve_inside
from racetrack_client.log.errors import ValidationError
from racetrack_commons.plugin.job_type_definition import ImageDefinition, ImageSource

from image_builder.image_maker import BuildInputs
from image_builder.job_type.template import TemplateRenderer

JOBTYPE_CONTEXT = "jobtype"
"""The name of the plugin's files in Dockerfiles: `COPY --from=jobtype`."""
_USES_JOBTYPE = re.compile(
    r"\bfrom=[\"']?jobtype\b|^\s*FROM\s+(\S+\s+)?jobtype\b", re.IGNORECASE | re.MULTILINE
)
_FIRST_STAGE = re.compile(r"^[ \t]*FROM[ \t]", re.IGNORECASE | re.MULTILINE)
_NUMBERED_STAGE = re.compile(r"(--from=|--mount=\S*\bfrom=)(\d+)\b")


@dataclass(frozen=True)
class Dockerfile:
    """One rendered Dockerfile."""

    text: str
    origin: Path
    """The file that it was read from."""

    @property
    def uses_jobtype(self) -> bool:
        """True if the Dockerfile copies files of the job type's plugin."""
        return _USES_JOBTYPE.search(self.text) is not None

    def write(self, directory: Path) -> Path:
        """Write the Dockerfile into a new directory, together with its ignore file, and return its path."""
        directory.mkdir(parents=True)
        path = directory / self.origin.name
        path.write_text(self.text, encoding="utf-8")
        ignore_file = self.origin.with_name(f"{self.origin.name}.dockerignore")
        if ignore_file.is_file() and not ignore_file.is_symlink():
            shutil.copyfile(ignore_file, path.with_name(ignore_file.name))
        return path


def load_dockerfile(
    inputs: BuildInputs,
    image: ImageDefinition,
    variables: Mapping[str, Any],
    renderer: TemplateRenderer,
) -> Dockerfile:
    """Return the rendered Dockerfile of an image; raises ValidationError when it is missing or wrong.

    Its path is a template too, so that a manifest can name the file.
    """
    shown = renderer.render(image.dockerfile_path, variables, "the path of a Dockerfile")
    image = image.model_copy(update={"dockerfile_path": shown})
    path = _locate(inputs, image)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValidationError(f"{shown!r} can't be read as text: {error}") from error
    if image.template:
        text = renderer.render(text, variables, shown)
    return Dockerfile(text, path)


def declare_jobtype(dockerfile: Dockerfile, jobtype_image: str) -> Dockerfile:
    """Return the Dockerfile with `jobtype` as a stage, for builds without named contexts."""
    first = _FIRST_STAGE.search(dockerfile.text)
    position = first.start() if first else 0
    before, rest = dockerfile.text[:position], dockerfile.text[position:]
    # References to stages by number must be increased by one, because of the new first stage.
    rest = _NUMBERED_STAGE.sub(lambda match: f"{match[1]}{int(match[2]) + 1}", rest)
    stage = f"FROM {jobtype_image} AS {JOBTYPE_CONTEXT}\n"
    return Dockerfile(f"{before}{stage}{rest}", dockerfile.origin)


def _locate(inputs: BuildInputs, image: ImageDefinition) -> Path:
    if image.source == ImageSource.JOB:
        path = resolve_inside(inputs.source.directory, image.dockerfile_path, "Dockerfile")
        whose = "the job's files; add it, and check that .gitignore does not leave it out"
    else:
        path = resolve_inside(inputs.job_type.plugin_dir, image.dockerfile_path, "Dockerfile")
        whose = f"the files of job type {inputs.job_type}; install its plugin again"
    if not path.is_file():
        raise ValidationError(f"the Dockerfile {image.dockerfile_path!r} is not among {whose}")
    return path
