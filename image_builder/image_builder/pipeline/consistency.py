"""Comparing the manifest in the repository with the submitted one."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from racetrack_client.client.source_paths import resolve_inside
from racetrack_client.log.context_error import ContextError
from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest.load import JOB_FILE, LEGACY_JOB_FILE, load_merged_content
from racetrack_client.manifest.manifest import without_nulls
from racetrack_client.utils.datamodel import load_yaml_map

from image_builder.build_request import parse_manifest_types
from image_builder.source.source_tree import Source

_ABSENT = object()
_NOT_COMPARED = ("extends",)
"""Keys that are not compared: the submitted manifest is already merged with its base."""


def find_manifest_difference(source: Source, submitted: Mapping[str, Any]) -> str | None:
    """Return a warning when the repository's manifest is missing or differs; None when both are equal."""
    file = _find_manifest_file(source)
    if file is None:
        return f"there is no {JOB_FILE} in the repository to compare the submitted manifest with"
    try:
        _check_base(file, source.root)
        content = load_merged_content(file)
    except (ValidationError, OSError, ContextError) as error:
        return f"the manifest in the repository can't be read: {error}"
    differences = list(_compare(_clean(content), _clean(submitted)))
    if not differences:
        return None
    lines = "\n".join(differences)
    return f"the submitted manifest differs (+) from {file.name} in the repository (-):\n{lines}"


def _find_manifest_file(source: Source) -> Path | None:
    for directory in (source.directory, source.root):
        for name in (JOB_FILE, LEGACY_JOB_FILE):
            if (directory / name).is_file():
                return resolve_inside(
                    source.root, str((directory / name).relative_to(source.root)), "manifest"
                )
    return None


def _check_base(file: Path, root: Path) -> None:
    # A base outside the repository would be a file of the builder's machine.
    if base := load_yaml_map(file.read_text(encoding="utf-8")).get("extends"):
        resolve_inside(root, str(file.parent.relative_to(root.resolve()) / str(base)), "extends")


def _clean(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest with all defaults filled in, so that writing out a default makes no difference."""
    try:
        values = parse_manifest_types(content).model_dump(mode="json")
    except ValidationError:
        values = dict(content)
    kept = {key: value for key, value in values.items() if key not in _NOT_COMPARED}
    cleaned: dict[str, Any] = without_nulls(kept)
    return cleaned


def _compare(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key in sorted({*old, *new}, key=str):
        before, after = old.get(key, _ABSENT), new.get(key, _ABSENT)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _compare(before, after, f"{prefix}{key}.")
        elif before != after:
            if before is not _ABSENT:
                yield f"- {prefix}{key}: {before}"
            if after is not _ABSENT:
                yield f"+ {prefix}{key}: {after}"
