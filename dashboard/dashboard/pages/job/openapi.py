"""The endpoints of a job, as its OpenAPI document describes them: their parameters, bodies and examples."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_METHODS = ("post", "get", "put", "patch", "delete")
_DEEPEST = 4
_MOST_PROPERTIES = 20
"""Bounds of an example that is made from a schema: a document may name itself in each of its properties."""
_MOST_FIELDS = 12
_SIMPLE = ("string", "number", "integer", "boolean")


@dataclass(frozen=True, kw_only=True)
class NamedInput:
    """A value that a call gives by its name."""

    name: str
    is_required: bool
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Parameter(NamedInput):
    """A parameter of an endpoint."""

    place: str
    """Its place: path or query."""
    example: str = ""


@dataclass(frozen=True, kw_only=True)
class FormField(NamedInput):
    """A field of a body whose schema is flat."""

    kind: str
    """string, number, integer, boolean, or json for anything else."""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """An endpoint, with a method."""

    method: str
    path: str
    summary: str = ""
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    content_type: str = ""
    """The type of the body; empty if there is none."""
    examples: Mapping[str, Any] = field(default_factory=dict)
    """Bodies by their names."""
    fields: tuple[FormField, ...] = ()
    """The fields of the body; none if it is not flat."""

    @property
    def title(self) -> str:
        """The method and the path."""
        return f"{self.method} {self.path}"

    @property
    def is_json(self) -> bool:
        """True if the body is JSON."""
        return self.content_type == "application/json" or self.content_type.endswith("+json")

    @property
    def first_example(self) -> Any:
        """The body to begin with, or None without one."""
        return next(iter(self.examples.values()), None)


def list_operations(document: Any) -> list[Operation]:
    """List the endpoints of a document, those of the job's own code first; what is no endpoint is left out."""
    found = [
        _read_operation(document, path, method, operation)
        for path, item in _map(_map(document).get("paths")).items()
        for method in _METHODS
        if isinstance(operation := _map(item).get(method), dict)
    ]
    return sorted(found, key=lambda each: not each.path.startswith("/api/"))


def write_body(example: Any) -> str:
    """Return an example as the text of an editor."""
    if example is None:
        return ""
    return (
        example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)
    )


def fill_path(path: str, values: Mapping[str, str]) -> str:
    """Return a path with values, which are quoted already, in the places of its parameters."""
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def read_field(kind: str, value: Any) -> Any:
    """Return the value of a field as the body has it; raises ValueError."""
    if kind in ("boolean", "string"):
        return value
    text = str(value).strip()
    read = json.loads(text)
    is_number = isinstance(read, int | float) and not isinstance(read, bool)
    if kind in ("number", "integer") and not (is_number and math.isfinite(read)):
        raise ValueError(f"{text} is no number")
    return read


def _read_operation(document: Any, path: str, method: str, operation: dict[str, Any]) -> Operation:
    media = _map(_map(_resolve(document, operation.get("requestBody"))).get("content"))
    content_type = "application/json" if "application/json" in media else next(iter(media), "")
    body = _map(media.get(content_type))
    schema = _resolve(document, body.get("schema"))
    return Operation(
        method=method.upper(),
        path=str(path),
        summary=str(operation.get("summary") or ""),
        description=str(operation.get("description") or ""),
        parameters=tuple(_list_parameters(document, operation)),
        content_type=content_type,
        examples=_collect_examples(document, body, schema) if content_type else {},
        fields=tuple(_list_fields(document, schema)),
    )


def _list_parameters(document: Any, operation: dict[str, Any]) -> Iterator[Parameter]:
    for each in _list(operation.get("parameters")):
        one = _map(_resolve(document, each))
        if one.get("in") in ("path", "query") and one.get("name"):
            schema = _map(_resolve(document, one.get("schema")))
            example = one.get("example", schema.get("example", schema.get("default")))
            yield Parameter(
                name=str(one["name"]),
                place=str(one["in"]),
                is_required=bool(one.get("required")),
                example="" if example is None else str(example),
                description=str(one.get("description") or ""),
            )


def _collect_examples(document: Any, body: dict[str, Any], schema: Any) -> dict[str, Any]:
    named = {
        str(name): _map(example)["value"]
        for name, example in _map(body.get("examples")).items()
        if "value" in _map(_resolve(document, example))
    }
    if named:
        return named
    if "example" in body:
        return {"example": body["example"]}
    shown = _list(_map(schema).get("examples"))
    if shown:
        return {f"example {number}": each for number, each in enumerate(shown, start=1)}
    return {"example": _make_example(document, schema, 0)}


def _make_example(document: Any, schema: Any, depth: int) -> Any:
    """Return a value that fits a schema, more or less."""
    known = _map(_resolve(document, schema))
    for key in ("example", "default", "const"):
        if key in known:
            return known[key]
    if choices := _list(known.get("enum")) or _list(known.get("examples")):
        return choices[0]
    kind = _name_kind(known)
    if kind == "object" and depth < _DEEPEST:
        properties = list(_map(known.get("properties")).items())[:_MOST_PROPERTIES]
        return {str(name): _make_example(document, each, depth + 1) for name, each in properties}
    if kind == "array" and depth < _DEEPEST and "items" in known:
        return [_make_example(document, known["items"], depth + 1)]
    return {
        "object": {},
        "array": [],
        "string": "",
        "number": 0,
        "integer": 0,
        "boolean": False,
    }.get(kind)


def _list_fields(document: Any, schema: Any) -> Iterator[FormField]:
    properties = _map(_map(schema).get("properties"))
    if len(properties) > _MOST_FIELDS:
        return
    required = _list(_map(schema).get("required"))
    for name, each in properties.items():
        known = _map(_resolve(document, each))
        kind = _name_kind(known)
        choices = _list(known.get("enum"))
        yield FormField(
            name=str(name),
            kind=kind if kind in _SIMPLE else "json",
            is_required=name in required,
            description=str(known.get("description") or ""),
            choices=tuple(map(str, choices)) if kind == "string" else (),
        )


def _name_kind(schema: dict[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "")
    if not kind and "properties" in schema:
        return "object"
    return str(kind or "")


def _resolve(document: Any, value: Any) -> Any:
    """Follow the references of a value inside the document; those to anything else lead to nothing."""
    for _ in range(_DEEPEST):
        reference = _map(value).get("$ref")
        if not isinstance(reference, str):
            return value
        value = document if reference.startswith("#/") else None
        for part in reference.removeprefix("#/").split("/"):
            value = _map(value).get(part.replace("~1", "/").replace("~0", "~"))
    return None


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
