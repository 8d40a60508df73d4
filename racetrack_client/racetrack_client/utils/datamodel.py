"""Conversion of pydantic models from and to YAML, JSON and maps.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

import json
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel

from racetrack_client.log.context_error import wrap_context
from racetrack_client.log.errors import ValidationError
from racetrack_client.utils.bounded_yaml import TooLargeYaml, load_bounded_yaml

Model = TypeVar("Model", bound=BaseModel)


def parse_dict_datamodel(data: dict[str, Any], model_class: type[Model]) -> Model:
    """Return a model made from a map."""
    return model_class.model_validate(data)


def parse_yaml_datamodel(text: str, model_class: type[Model]) -> Model:
    """Return a model made from YAML; an empty text counts as an empty map."""
    return parse_dict_datamodel(load_yaml_map(text), model_class)


def parse_yaml_file_datamodel(path: Path, model_class: type[Model]) -> Model:
    """Return a model made from a YAML file; an empty file gives the defaults."""
    with wrap_context(f"reading {path}"):
        return parse_yaml_datamodel(path.read_text(encoding="utf-8"), model_class)


def load_yaml_map(text: str) -> dict[str, Any]:
    """Return the map in a YAML document; an empty document gives an empty map.

    Raise ValidationError when it is wrong, or larger than `bounded_yaml` allows.
    """
    try:
        data = load_bounded_yaml(text)
    except TooLargeYaml as e:
        raise ValidationError(f"the YAML document is too large: {e}") from e
    except yaml.YAMLError as e:
        raise ValidationError(f"this is not YAML: {describe_yaml_error(e)}") from e
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ValidationError(
            f"the YAML document is a {_kind_of(data)}, but must be a map of keys to values"
        )
    return data


def describe_yaml_error(error: yaml.YAMLError) -> str:
    """Return one line: the place of the error, and what is wrong."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())


def show_yaml_error(error: yaml.YAMLError, text: str) -> str:
    """Return the line of the error with a mark below its column, and what to do where that is known."""
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    lines = text.split("\n")
    line = lines[mark.line].rstrip() if mark and mark.line < len(lines) else ""
    if not mark or not line or not isinstance(error, yaml.MarkedYAMLError):
        return ""
    shown = f"\n  {line.replace(chr(9), '→')}\n  {' ' * min(mark.column, len(line))}^"
    return shown + _advise(error, line)


def _advise(error: yaml.MarkedYAMLError, line: str) -> str:
    problem = error.problem or ""
    if "\t" in line:
        return "\n  Indent with spaces: YAML accepts no tabs."
    if "mapping values are not allowed" in problem:
        return "\n  Put the value in quotes if it contains a colon; else indent the line like its siblings."
    return ""


def datamodel_to_dict(model: Any) -> Any:
    """Return models, also those inside lists and maps, as plain values without nulls."""
    if isinstance(model, BaseModel):
        return datamodel_to_dict(model.model_dump(mode="json"))
    if isinstance(model, dict):
        return {key: datamodel_to_dict(value) for key, value in model.items() if value is not None}
    if isinstance(model, list | tuple | set | frozenset):
        return [datamodel_to_dict(value) for value in model]
    return model


def convert_to_json(model: Any) -> str:
    """Return models or maps as JSON text without nulls."""
    return json.dumps(datamodel_to_dict(model), default=str, ensure_ascii=False)


def convert_to_yaml(model: Any) -> str:
    """Return models or maps as YAML text without nulls, with sorted keys."""
    text = yaml.safe_dump(datamodel_to_dict(model), sort_keys=True, allow_unicode=True)
    return str(text)


def _kind_of(value: object) -> str:
    return "list" if isinstance(value, list) else type(value).__name__
