"""A plugin's description of a job type, in each of the formats that plugins have used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pydantic
from pydantic import BaseModel, ConfigDict, Field
from racetrack_client.log.errors import ValidationError


class ImageSource(StrEnum):
    """The place of a Dockerfile."""

    JOBTYPE = "jobtype"
    """The plugin's directory."""
    JOB = "job"
    """The source of the job."""


class ImageDefinition(BaseModel):
    """One image of a job; each image runs as one container."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dockerfile_path: str
    source: ImageSource = ImageSource.JOBTYPE
    template: bool = True
    """True if the Dockerfile is a Jinja template."""


class ProcessRecipe(BaseModel):
    """The recipe for running a job as a process. All texts are Jinja templates, as Dockerfiles are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: list[str] = Field(min_length=1)
    """The process's arguments; `{python}`, `{host}`, `{port}` and `{fd}` are filled in when the process starts.

    With `{fd}`, the process inherits a socket that listens at the port already, and gets the number of its file descriptor;
    where there is no such socket, as on a developer's machine, it gets -1 and listens at the port itself.
    """
    packages: list[str] = Field(default_factory=list)
    """Wheels that every environment of the job type holds; their paths are relative to the plugin's directory."""
    requirements: list[str] = Field(default_factory=list)
    """Requirements of jobs beyond those that they name themselves; texts that are empty after rendering are left out."""
    python_version: str = ""
    """The Python of the environment; an empty text stands for the Python that the Image Builder runs on."""
    requirements_path: str = ""
    """The requirements file, relative to the job's directory; an empty text stands for none."""


@dataclass(frozen=True)
class JobTypeDefinition:
    """A plugin's description of a job type, independent of its format."""

    images: tuple[ImageDefinition, ...]
    process: ProcessRecipe | None = None
    base_dockerfile_path: str | None = None
    """Deprecated: the Dockerfile of an image that is built first and that the other images are based on."""


class _DefinitionMap(BaseModel):
    model_config = ConfigDict(extra="forbid")

    images: list[ImageDefinition] = Field(default_factory=list)
    process: ProcessRecipe | None = None


def parse_definition(definition: object) -> JobTypeDefinition:
    """Return the definition in one form; raises ValidationError, which says what is wrong with it."""
    match definition:
        case Mapping():
            return _parse_map(definition)
        case str():
            return JobTypeDefinition((_make_template(definition),))
        case (base, template) if isinstance(definition, tuple):
            return JobTypeDefinition((_make_template(template),), base_dockerfile_path=str(base))
        case [*templates] if templates and not isinstance(definition, tuple):
            return JobTypeDefinition(tuple(_make_template(each) for each in templates))
    raise ValidationError(
        "a job type is a map with `images` or `process`, or the path of a Dockerfile template, "
        f"or a list of such paths; this one is {definition!r}"
    )


def _parse_map(definition: Mapping[str, Any]) -> JobTypeDefinition:
    try:
        parsed = _DefinitionMap.model_validate(dict(definition))
    except pydantic.ValidationError as e:
        problems = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in e.errors())
        raise ValidationError("; ".join(problems)) from e
    if not parsed.images and parsed.process is None:
        raise ValidationError("a job type needs `images` or `process`")
    return JobTypeDefinition(tuple(parsed.images), parsed.process)


def _make_template(path: object) -> ImageDefinition:
    # Path objects are accepted, absolute ones too; a null belongs to a format that can't be built any more.
    if path is None or (isinstance(path, Sequence) and not isinstance(path, str)):
        raise ValidationError(f"{path!r} is no path of a Dockerfile template")
    return ImageDefinition(dockerfile_path=str(path))
