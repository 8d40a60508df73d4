"""The `process` recipe of a job type, rendered for one job."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from racetrack_client.log.errors import ValidationError

from image_builder.job_type.template import TemplateRenderer
from image_builder.source.source_tree import resolve_inside

_PYTHON_VERSION = re.compile(r"\d+(\.\d+){0,2}")


@dataclass(frozen=True)
class ProcessRecipe:
    """What a job type says about running a job as a process."""

    packages: Sequence[Path]
    """Files that come with the plugin and go into every environment."""
    python_version: str
    """Empty: the Python that the builder itself runs on."""
    requirements_path: str
    """Relative to the job's directory; empty: none."""
    command: Sequence[str]
    """Holds `{python}`, `{host}` and `{port}`, which the infrastructure target fills in."""


def render_recipe(
    recipe: Mapping[str, Any],
    plugin_directory: Path,
    variables: Mapping[str, Any],
    renderer: TemplateRenderer,
) -> ProcessRecipe:
    """Render the templates of a recipe; arguments that come out empty are left out of the command."""

    def render(template: object, key: str) -> str:
        return renderer.render(str(template), variables, f"the job type's process.{key}").strip()

    command = [render(argument, "command") for argument in recipe["command"]]
    return ProcessRecipe(
        packages=[
            _find_package(plugin_directory, str(name)) for name in recipe.get("packages", ())
        ],
        python_version=_check_version(render(recipe.get("python_version", ""), "python_version")),
        requirements_path=render(recipe.get("requirements_path", ""), "requirements_path"),
        command=[argument for argument in command if argument],
    )


def _find_package(plugin_directory: Path, name: str) -> Path:
    path = resolve_inside(plugin_directory, name, "package")
    if not path.is_file():
        raise ValidationError(
            f"the job type's plugin has no package {name!r}; install the plugin again"
        )
    return path


def _check_version(version: str) -> str:
    if version and not _PYTHON_VERSION.fullmatch(version):
        raise ValidationError(
            f'python_version {version!r} must be a version in quotes, such as "3.12"'
        )
    return version
