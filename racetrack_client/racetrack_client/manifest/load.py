"""Reading a manifest from its file, merged with its base manifest and with overrides."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest.manifest import Manifest
from racetrack_client.manifest.parse import parse_manifest
from racetrack_client.utils.bounded_yaml import TooLargeYaml, load_bounded_yaml
from racetrack_client.utils.datamodel import describe_yaml_error, show_yaml_error

JOB_FILE = "job.yaml"
LEGACY_JOB_FILE = "fatman.yaml"

Overrides = Mapping[str, str | None]
"""Extra variables: a dotted key, and its value as YAML; None removes the key."""


def find_manifest_path(path: Path) -> Path | None:
    """Return the manifest file of a directory, or `path` itself; None when there is none."""
    candidates = (path, path / JOB_FILE, path / LEGACY_JOB_FILE)
    return next((each for each in candidates if each.is_file()), None)


def require_manifest_path(path: Path) -> Path:
    """Return the manifest file of a directory, or `path` itself; raises ValidationError when there is none."""
    found = find_manifest_path(path)
    if found is None and not path.exists():
        raise ValidationError(f"there is no directory or file {path}; name a job's directory")
    if found is None:
        raise ValidationError(
            f"there is no {JOB_FILE} in {path}; run the command in a job's directory, or name one"
        )
    return found


def load_manifest(path: Path, extra_vars: Overrides | None = None) -> Manifest:
    """Load, merge and validate the manifest of a directory or file."""
    return parse_manifest(load_merged_content(path, extra_vars))


def load_merged_content(path: Path, extra_vars: Overrides | None = None) -> dict[str, Any]:
    """Load a manifest as a mapping: it overrides its base manifest, and the extra variables override both."""
    file = require_manifest_path(path)
    return merge_content(_load_mapping(file), file.parent, extra_vars)


def merge_content(
    content: dict[str, Any], directory: Path, extra_vars: Overrides | None = None
) -> dict[str, Any]:
    """Return the manifest of a directory merged over its base, with the extra variables merged over both."""
    if base_path := content.get("extends"):
        content = _extend(directory, str(base_path), content)
    for key, value in (extra_vars or {}).items():
        _override(content, key, value)
    return content


def parse_extra_vars(pairs: list[str]) -> Overrides:
    """Split `KEY=VALUE` pairs at their first `=`; `KEY-` stands for removal."""
    variables: dict[str, str | None] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        is_removal = not separator and key.endswith("-")
        if not key.removesuffix("-") or not (separator or is_removal):
            raise ValidationError(
                f"extra variable {pair!r} must be KEY=VALUE, such as -e git.branch=main, "
                "or KEY- to remove the key"
            )
        variables[key.removesuffix("-") if is_removal else key] = None if is_removal else value
    return variables


def read_mapping(text: str, origin: str) -> dict[str, Any]:
    """Return the mapping in a YAML text; the ValidationError for another text names `origin`."""
    try:
        content = load_bounded_yaml(text)
    except TooLargeYaml as error:
        raise ValidationError(f"{origin} is too large: {error}") from error
    except yaml.YAMLError as error:
        raise ValidationError(
            f"{origin} is not valid YAML: {describe_yaml_error(error)}{show_yaml_error(error, text)}"
        ) from error
    if not isinstance(content, dict):
        raise ValidationError(f"{origin} must hold keys and values, such as name: my-model")
    return {str(key): value for key, value in content.items()}


def _load_mapping(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ValidationError(f"manifest {file} is not there") from error
    except UnicodeDecodeError as error:
        raise ValidationError(f"{file} is not valid YAML: it is not text") from error
    return read_mapping(text, str(file))


def _extend(directory: Path, base_path: str, overlay: dict[str, Any]) -> dict[str, Any]:
    if Path(base_path).is_absolute():
        raise ValidationError(f"extends: {base_path!r} must be relative to {directory}")
    base = _load_mapping(directory / base_path)
    if base.get("extends"):
        raise ValidationError(
            f"extends: {base_path} extends another manifest; only one level is allowed"
        )
    return _merge(base, overlay) | {"extends": None}


def _merge(base: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """Return the base with the values of the overlay; a null in the overlay removes the key."""
    merged = dict(base)
    for key, value in overlay.items():
        under = merged.get(key)
        if isinstance(under, dict) and isinstance(value, dict):
            merged[key] = _merge(under, value)
        elif value is None:
            merged.pop(key, None)
        else:
            merged[key] = value
    return merged


def _override(content: dict[str, Any], key: str, value: str | None) -> None:
    *parents, last = key.split(".")
    target = content
    for parent in parents:
        if target.get(parent) is None:
            target[parent] = {}
        if not isinstance(target[parent], dict):
            raise ValidationError(f"extra variable {key}: {parent} is not a mapping")
        target = target[parent]
    if value is None:
        target.pop(last, None)
        return
    try:
        target[last] = load_bounded_yaml(value)
    except yaml.YAMLError as error:
        raise ValidationError(f"extra variable {key}: {value!r} is not valid YAML") from error
