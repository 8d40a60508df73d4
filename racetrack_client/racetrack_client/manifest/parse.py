"""Parsing a manifest: a map becomes a Manifest, or one error names everything that is wrong with it."""

from collections.abc import Iterator
from typing import Any

import pydantic
import yaml

from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest.manifest import (
    GitManifest,
    Manifest,
    ResourcesManifest,
    without_nulls,
)
from racetrack_client.manifest.rules import list_broken_rules, list_unknown_extra_keys, suggest_key
from racetrack_client.utils.bounded_yaml import MAX_BYTES, check_extent

_MODELS: dict[str, type[pydantic.BaseModel]] = {
    "": Manifest,
    "git": GitManifest,
    "resources": ResourcesManifest,
}
_EXAMPLES = {
    "resources": "resources: {memory_max: 2Gi}",
    "jobtype_extra": "jobtype_extra: {entrypoint_path: main.py}",
    "runtime_env": "runtime_env: {LOG_LEVEL: debug}",
    "build_env": "build_env: {DEBUG: '1'}",
}


class ManifestError(ValidationError):
    """A manifest can't be deployed; `problems` lists every reason with the path of its key."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        count = "an error" if len(problems) == 1 else f"{len(problems)} errors"
        lines = [f"  {path}: {problem}" if path else f"  {problem}" for path, problem in problems]
        super().__init__("\n".join([f"{count} in the manifest:", *lines]))
        self.problems = problems


def parse_manifest(content: dict[str, Any]) -> Manifest:
    """Return the manifest that a map holds; raises ManifestError, which names every unknown, missing or wrong key.

    Raise ValidationError when the map is larger than can be stored and read again.
    """
    check_extent(content)
    problems = []
    manifest = None
    try:
        manifest = Manifest.model_validate(content)
    except pydantic.ValidationError as error:
        problems += list(_describe_type_errors(error))
    problems += list_broken_rules(content)
    if problems or manifest is None:
        raise ManifestError(problems)
    manifest.set_origin(without_nulls(content))
    _check_size(manifest)
    return manifest


def parse_own_manifest(content: dict[str, Any]) -> Manifest:
    """Parse a manifest that its author is about to use: keys of `jobtype_extra` that have no effect are errors, too.

    Services accept them, because manifests of older versions may hold them.
    """
    unknown = list_unknown_extra_keys(content)
    try:
        manifest = parse_manifest(content)
    except ManifestError as error:
        raise ManifestError([*error.problems, *unknown]) from None
    if unknown:
        raise ManifestError(unknown)
    return manifest


def check_manifest(manifest: Manifest) -> None:
    """Raise ManifestError, which names every value that can't be deployed, when there is one."""
    if problems := list_broken_rules(manifest.model_dump(mode="json", exclude_none=True)):
        raise ManifestError(problems)


def _check_size(manifest: Manifest) -> None:
    size = len((manifest.origin_yaml_ or "").encode())
    if size > MAX_BYTES:
        raise ValidationError(
            f"the manifest has {size} bytes as YAML, at most {MAX_BYTES} are allowed"
        )


def _describe_type_errors(error: pydantic.ValidationError) -> Iterator[tuple[str, str]]:
    for each in error.errors(include_url=False):
        path = ".".join(str(part) for part in each["loc"])
        if each["type"] == "extra_forbidden":
            yield path, f"there is no such key; {_suggest(each['loc'])}"
        elif each["type"] == "missing":
            yield path, "is missing"
        elif each["type"] == "string_type":
            yield path, _describe_no_text(path, each["input"])
        elif each["type"] in ("model_type", "model_attributes_type", "dict_type"):
            yield path, _describe_no_mapping(path, each["input"])
        else:
            reason = each["msg"].removeprefix("Value error, ")
            yield path, f"{reason[:1].lower()}{reason[1:]}; it is {_as_yaml(each['input'])}"


def _describe_no_mapping(path: str, value: object) -> str:
    example = f"git: {{remote: {value}}}" if path == "git" else _EXAMPLES.get(path, "KEY: value")
    return f"must hold keys and values, such as {example}; it is {_as_yaml(value)}"


def _describe_no_text(path: str, value: object) -> str:
    if value is None:
        return "must be a text, and has no value"
    if path == "version":
        return f"must be a semantic version such as 1.2.3, not {_as_yaml(value)}"
    hint = "" if isinstance(value, dict | list) else "; put it in quotes"
    return f"must be a text, not {_as_yaml(value)}{hint}"


def _as_yaml(value: object) -> str:
    text = yaml.dump(value, default_flow_style=True, width=1000)
    return text.removesuffix("...\n").strip()


def _suggest(location: tuple[int | str, ...]) -> str:
    model = _MODELS.get(".".join(str(part) for part in location[:-1]), Manifest)
    return suggest_key(str(location[-1]), list(model.model_fields))
