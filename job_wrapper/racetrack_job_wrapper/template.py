"""Rendering the Dockerfile template of a job on its author's machine, with the variables of a build."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

_EXTRA_KEYS = ("jobtype_extra", "golang", "python", "wrapper_properties")


class TemplateError(Exception):
    """A template can't be rendered; the message says why."""


class TemplateManifest(dict[str, Any]):
    """A manifest whose keys templates read as attributes: `manifest.name`."""

    def get_jobtype(self) -> str | None:
        """Return the job type, also from its deprecated key."""
        return self.get("jobtype") or self.get("lang")

    def get_jobtype_extra(self) -> dict[str, Any]:
        """Return the settings of the job type, also from their deprecated keys."""
        given = (self[key] for key in _EXTRA_KEYS if self.get(key) is not None)
        return next(given, {})


def render_template(template: Path, target: Path, directory: Path) -> None:
    """Render a template with the manifest `job.yaml` of the directory; raise TemplateError when it can't be done."""
    try:
        jinja2 = importlib.import_module("jinja2")
    except ModuleNotFoundError as error:
        raise TemplateError("rendering needs Jinja: run `pip install jinja2`") from error
    manifest = load_manifest(directory / "job.yaml")
    secrets = _read_variables(directory, manifest.get("secret_build_env_file"))
    try:
        text = jinja2.Template(template.read_text()).render(
            manifest=manifest,
            manifest_jobtype_extra=manifest.get_jobtype_extra(),
            env_vars={**(manifest.get("build_env") or {}), **secrets},
        )
        target.write_text(text)
    except (OSError, jinja2.TemplateError) as error:
        raise TemplateError(f"{template} can't be rendered: {error}") from error


def load_manifest(path: Path) -> TemplateManifest:
    """Read a manifest, merged over the manifest that it extends."""
    manifest = _read_mapping(path)
    base = manifest.get("extends")
    if not base:
        return TemplateManifest(manifest)
    return TemplateManifest(_merge(_read_mapping(path.parent / base), manifest))


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise TemplateError(f"{path.name} can't be read: {error}") from error
    if not isinstance(content, dict):
        raise TemplateError(f"{path.name} is not a mapping of keys to values")
    return content


def _merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**base, **overlay}
    for key in base.keys() & overlay.keys():
        if isinstance(base[key], dict) and isinstance(overlay[key], dict):
            merged[key] = _merge(base[key], overlay[key])
    return merged


def _read_variables(directory: Path, name: str | None) -> dict[str, str]:
    if not name:
        return {}
    try:
        lines = (directory / name).read_text().splitlines()
    except OSError as error:
        raise TemplateError(f"secret variables {name} can't be read: {error}") from error
    pairs = (line.removeprefix("export ").partition("=") for line in lines if line[:1] != "#")
    return {key.strip(): value.strip().strip("'\"") for key, equals, value in pairs if equals}
