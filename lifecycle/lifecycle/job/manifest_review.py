"""The review of a manifest while it is written: every error and warning, each with its line."""

from collections.abc import Iterable, Iterator
from typing import Any

import yaml
from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest.load import read_mapping
from racetrack_client.manifest.parse import ManifestError, parse_manifest
from racetrack_client.manifest.rules import DEPRECATED_KEYS, list_unknown_extra_keys
from racetrack_commons.entities.manifests import ManifestProblem, ManifestReview


def review_manifest(manifest_yaml: str) -> ManifestReview:
    """Return all that is wrong or without effect; a manifest without errors can be deployed or stored."""
    try:
        content = read_mapping(manifest_yaml, "the manifest")
    except ValidationError as error:
        problem = ManifestProblem(message=str(error), line=_find_line_of(error.__cause__))
        return ManifestReview(errors=[problem], warnings=[])
    lines = dict(_list_lines(yaml.compose(manifest_yaml, Loader=yaml.SafeLoader)))
    return ManifestReview(
        errors=_locate(_list_errors(content), lines),
        warnings=_locate([*_list_deprecated(content), *list_unknown_extra_keys(content)], lines),
    )


def _list_errors(content: dict[str, Any]) -> list[tuple[str, str]]:
    try:
        parse_manifest(content)
    except ManifestError as error:
        return error.problems
    except ValidationError as error:
        return [("", str(error))]
    return []


def _list_deprecated(content: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, replacement in DEPRECATED_KEYS.items():
        if content.get(key) is not None:
            yield key, f"is the former name of {replacement}, which newer manifests use"


def _locate(problems: Iterable[tuple[str, str]], lines: dict[str, int]) -> list[ManifestProblem]:
    return [
        ManifestProblem(message=message, path=path, line=_find_line(path, lines))
        for path, message in problems
    ]


def _find_line(path: str, lines: dict[str, int]) -> int | None:
    """Return the line of a key; that of the key around it if it is missing itself."""
    while path and path not in lines:
        path = path.rpartition(".")[0]
    return lines.get(path)


def _list_lines(node: yaml.Node | None, path: str = "") -> Iterator[tuple[str, int]]:
    """List the keys of two levels, which are all that a manifest has, with their lines."""
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        inner = f"{path}{key.value}"
        yield inner, key.start_mark.line + 1
        if not path:
            yield from _list_lines(value, f"{inner}.")


def _find_line_of(cause: BaseException | None) -> int | None:
    mark = getattr(cause, "problem_mark", None)
    return mark.line + 1 if mark is not None else None
