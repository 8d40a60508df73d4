"""The `process` recipe of a job type for one job: its templates rendered, and the environment that it asks for."""

import hashlib
import hmac
import json
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from racetrack_client.client.source_paths import resolve_inside
from racetrack_client.log.errors import ValidationError
from racetrack_commons.plugin.job_type_definition import ProcessRecipe

from image_builder.image_maker import BuildInputs
from image_builder.job_type.template import TemplateRenderer
from image_builder.process.environment_spec import EnvironmentSpec
from image_builder.source.requirements import digest_requirements, is_empty

_PYTHON_VERSION = re.compile(r"\d+(\.\d+){0,2}")
_INDEX_VARIABLES = {"PIP_INDEX_URL": "UV_DEFAULT_INDEX", "PIP_EXTRA_INDEX_URL": "UV_INDEX"}
"""Variables that users of pip set, and the names that uv gives them."""


def render_recipe(
    recipe: ProcessRecipe,
    plugin_dir: Path,
    variables: Mapping[str, Any],
    renderer: TemplateRenderer,
) -> ProcessRecipe:
    """Return the recipe with its templates rendered and the paths of its packages absolute.

    Arguments that are empty after rendering are left out of the command. An empty `python_version` stands for the
    Python that the builder runs on. Raises ValidationError when a template, a package or the version is wrong.
    """

    def render(template: str, key: str) -> str:
        return renderer.render(template, variables, f"the job type's process.{key}").strip()

    command = [render(argument, "command") for argument in recipe.command]
    return recipe.model_copy(
        update={
            "command": [argument for argument in command if argument],
            "requirements": list(
                filter(None, (render(each, "requirements") for each in recipe.requirements))
            ),
            "packages": [str(_require_package(plugin_dir, name)) for name in recipe.packages],
            "python_version": _require_version(render(recipe.python_version, "python_version")),
            "requirements_path": render(recipe.requirements_path, "requirements_path"),
        }
    )


def specify_shared_environment(recipe: ProcessRecipe) -> EnvironmentSpec:
    """Return the environment of all jobs of a job type that have no requirements of their own."""
    running = platform.python_version()
    is_running = f"{running}.".startswith(f"{recipe.python_version}.") or not recipe.python_version
    return EnvironmentSpec(
        python=sys.executable if is_running else recipe.python_version,
        python_version=running if is_running else recipe.python_version,
        packages=[Path(package) for package in recipe.packages],
        added=recipe.requirements,
    )


def specify_job_environment(
    inputs: BuildInputs, recipe: ProcessRecipe, digest_key: bytes
) -> EnvironmentSpec:
    """Return the environment of one job: the shared one, unless the job has requirements.

    `digest_key` signs the digest of the variables, so that secret values can't be guessed from it.
    """
    spec = specify_shared_environment(recipe)
    directory = inputs.source.directory
    has_own = recipe.requirements_path and not is_empty(directory, recipe.requirements_path)
    if not has_own and not spec.added:
        return spec
    request = inputs.request
    variables = {**(request.manifest.build_env or {}), **request.secret_build_env}
    path = recipe.requirements_path if has_own else None
    return replace(
        spec,
        variables=_add_uv_names(variables),
        variables_digest=_sign(variables, digest_key) if variables else "",
        requirements=resolve_inside(directory, path, "requirements_path") if path else None,
        requirements_digest=digest_requirements(directory, path, variables.values()),
        refresh=request.tag if request.resolves_again else "",
        is_upgrade=request.upgrades and not request.no_cache,
    )


def _require_package(plugin_dir: Path, name: str) -> Path:
    path = resolve_inside(plugin_dir, name, "package")
    if not path.is_file():
        raise ValidationError(
            f"the job type's plugin has no package {name!r}; install the plugin again"
        )
    return path


def _require_version(version: str) -> str:
    if version and not _PYTHON_VERSION.fullmatch(version):
        raise ValidationError(
            f'python_version {version!r} must be a version in quotes, such as "3.12"'
        )
    return version


def _add_uv_names(variables: Mapping[str, str]) -> dict[str, str]:
    renamed = {
        _INDEX_VARIABLES[name]: value
        for name, value in variables.items()
        if name in _INDEX_VARIABLES
    }
    return {**renamed, **variables}


def _sign(variables: Mapping[str, str], key: bytes) -> str:
    content = json.dumps(dict(variables), sort_keys=True).encode()
    return hmac.new(key, content, hashlib.sha256).hexdigest()
