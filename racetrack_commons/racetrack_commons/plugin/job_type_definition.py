"""How a plugin describes a job type, in each of the formats that plugins have used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

import pydantic
from pydantic import BaseModel, ConfigDict, Field
from racetrack_client.log.errors import ValidationError


class ImageSource(StrEnum):
    """Where a Dockerfile lies."""

    JOBTYPE = "jobtype"
    """In the plugin."""
    JOB = "job"
    """In the source of the job."""


class ImageDefinition(BaseModel):
    """One image of a job, and so one container."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dockerfile_path: str
    source: ImageSource = ImageSource.JOBTYPE
    template: bool = True
    """Whether the Dockerfile is rendered with Jinja first."""


class ProcessRecipe(BaseModel):
    """How jobs run as processes, without images. Texts are Jinja templates, as Dockerfiles are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: list[str] = Field(min_length=1)
    """`{python}`, `{host}` and `{port}` are filled in when the process starts."""
    packages: list[str] = Field(default_factory=list)
    """Wheels for every environment, relative to the plugin."""
    python_version: str = ""
    requirements_path: str = ""


@dataclass(frozen=True)
class JobTypeDefinition:
    """What a plugin says of a job type, whatever the format."""

    images: tuple[ImageDefinition, ...]
    process: Mapping[str, Any] | None = None
    base_dockerfile_path: str | None = None
    """Deprecated: an image to build first, on which the others stand."""


class _Definition(BaseModel):
    model_config = ConfigDict(extra="forbid")

    images: list[ImageDefinition] = Field(default_factory=list)
    process: ProcessRecipe | None = None


def parse_definition(definition: object) -> JobTypeDefinition:
    """Understand a definition; ValidationError says what is wrong with it."""
    match definition:
        case Mapping():
            return _parse_map(definition)
        case str():
            return JobTypeDefinition((_template(definition),))
        case (base, template) if isinstance(definition, tuple):
            return JobTypeDefinition((_template(template),), base_dockerfile_path=str(base))
        case [*templates] if templates and not isinstance(definition, tuple):
            return JobTypeDefinition(tuple(_template(each) for each in templates))
    raise ValidationError(
        "a job type is a map with `images` or `process`, or the path of a Dockerfile template, "
        f"or a list of such paths; this one is {definition!r}"
    )


def _parse_map(definition: Mapping[str, Any]) -> JobTypeDefinition:
    try:
        parsed = _Definition.model_validate(dict(definition))
    except pydantic.ValidationError as e:
        problems = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in e.errors())
        raise ValidationError("; ".join(problems)) from e
    if not parsed.images and parsed.process is None:
        raise ValidationError("a job type needs `images` or `process`")
    process = parsed.process.model_dump() if parsed.process else None
    return JobTypeDefinition(tuple(parsed.images), process)


def _template(path: object) -> ImageDefinition:
    # Path objects are fine, absolute ones too; a null is a format that nobody can build.
    if path is None or (isinstance(path, Sequence) and not isinstance(path, str)):
        raise ValidationError(f"{path!r} is no path of a Dockerfile template")
    return ImageDefinition(dockerfile_path=str(path))


JobKind = Literal["docker", "process"]
"""How a job is to run: from images, or as a process."""
