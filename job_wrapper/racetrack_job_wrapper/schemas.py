"""JSON schemas of type hints, for the documentation. A hint that says nothing about JSON has the schema `{}`."""

import builtins
import dataclasses
import datetime
import decimal
import enum
import inspect
import pathlib
import types
import typing
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from racetrack_job_wrapper.encoding import NotSerializable, to_plain

Schema = dict[str, Any]
_SCALARS: Mapping[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    bytes: {"type": "string"},
    type(None): {"type": "null"},
    None: {"type": "null"},
    datetime.datetime: {"type": "string", "format": "date-time"},
    datetime.date: {"type": "string", "format": "date"},
    datetime.time: {"type": "string", "format": "time"},
    datetime.timedelta: {"type": "number"},
    uuid.UUID: {"type": "string", "format": "uuid"},
    decimal.Decimal: {"type": "string"},
}
_TABLES = ("DataFrame", "Table", "RecordBatch")
_ARRAYS = ("ndarray", "Series", "Index", "Array", "ChunkedArray", "Tensor")
_COLLECTIONS = ("builtins", "collections", "collections.abc", "typing")
_MOST_DEPTH = 6
_REFERENCE = "#/components/schemas/{model}"


class SchemaMaker:
    """Makes schemas, and keeps those of pydantic's models under their names, for a part of the document of their own."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}

    def describe(self, hint: Any, depth: int = 0) -> Schema:
        """Return the schema of a type hint, whatever it is."""
        try:
            return self._describe(hint, depth) if depth < _MOST_DEPTH else {}
        except Exception:  # noqa: BLE001 - hints are the job's; one that can't be read must not cost the page
            return {}

    def _describe(self, hint: Any, depth: int) -> Schema:
        hint = _unwrap(hint)
        if isinstance(hint, typing.Hashable) and hint in _SCALARS:
            return dict(_SCALARS[hint])
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin is typing.Literal:
            return {"enum": [to_plain(each) for each in arguments]}
        if origin in (typing.Union, types.UnionType):
            return {"anyOf": [self.describe(each, depth + 1) for each in arguments]}
        kind = origin or hint
        if not inspect.isclass(kind):
            return {}
        return self._describe_class(kind, arguments, depth)

    def _describe_class(self, kind: type, arguments: tuple[Any, ...], depth: int) -> Schema:
        if issubclass(kind, enum.Enum):
            return {"enum": [to_plain(each) for each in kind]}
        if hasattr(kind, "model_json_schema"):
            return self._describe_model(kind)
        if dataclasses.is_dataclass(kind) or hasattr(kind, "__attrs_attrs__"):
            return self._describe_attributes(kind, _list_required(kind), depth)
        if typing.is_typeddict(kind):
            return self._describe_attributes(kind, vars(kind)["__required_keys__"], depth)
        if issubclass(kind, pathlib.PurePath | str):
            return {"type": "string"}
        return self._describe_container(kind, arguments, depth) or _describe_array(kind)

    def _describe_container(self, kind: type, arguments: tuple[Any, ...], depth: int) -> Schema:
        if issubclass(kind, Mapping):
            values = self.describe(arguments[1], depth + 1) if arguments else {}
            return {"type": "object"} | ({"additionalProperties": values} if values else {})
        if not issubclass(kind, Iterable) or kind.__module__ not in _COLLECTIONS:
            return {}
        items = [self.describe(each, depth + 1) for each in arguments if each is not Ellipsis]
        if issubclass(kind, tuple) and arguments and Ellipsis not in arguments:
            return {"type": "array", "prefixItems": items}
        return {"type": "array", "items": items[0] if items else {}}

    def _describe_attributes(self, kind: Any, required: Iterable[str], depth: int) -> Schema:
        hints = typing.get_type_hints(kind)
        return {
            "type": "object",
            "title": kind.__name__,
            "properties": {name: self.describe(each, depth + 1) for name, each in hints.items()},
            "required": sorted(required),
        }

    def _describe_model(self, kind: Any) -> Schema:
        schema: Schema = kind.model_json_schema(ref_template=_REFERENCE)
        self.components |= schema.pop("$defs", {})
        if "$ref" not in schema:
            self.components[kind.__name__] = schema
        return {"$ref": _REFERENCE.format(model=kind.__name__)}


def read_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the type hints of a function, those of text evaluated where that is possible."""
    try:
        return typing.get_type_hints(function)
    except Exception:  # noqa: BLE001 - texts of hints are code of the job, and objects that can be called have none
        return {}


def describe_default(value: Any) -> Any:
    """Return a default as JSON has it, or as a text that names it, such as `numpy.float32`."""
    try:
        return to_plain(value)
    except NotSerializable:
        return name_object(value)


def name_object(value: Any) -> str:
    """Return the name of a class or function, or the representation of another object."""
    name = getattr(value, "__qualname__", None)
    if not isinstance(name, str):
        return repr(value)[:200]
    module = getattr(value, "__module__", None) or "builtins"
    return name if module == "builtins" else f"{module}.{name}"


def _unwrap(hint: Any) -> Any:
    if isinstance(hint, str):
        # The text of a hint that could not be evaluated: `list[Thing]` is a list at least.
        hint = getattr(builtins, hint.partition("[")[0], Any)
    while True:
        if typing.get_origin(hint) is typing.Annotated:
            hint = typing.get_args(hint)[0]
        elif isinstance(hint, typing.TypeVar):
            hint = hint.__bound__ or Any
        elif hasattr(hint, "__supertype__"):
            hint = hint.__supertype__
        else:
            return hint


def _list_required(kind: Any) -> list[str]:
    if hasattr(kind, "__attrs_attrs__"):
        return [each.name for each in kind.__attrs_attrs__ if not _has_default(each.default)]
    return [
        each.name
        for each in dataclasses.fields(kind)
        if each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
    ]


def _has_default(default: Any) -> bool:
    # attrs has an object for no default, whose class says so.
    return getattr(default, "name", "") != "NOTHING"


def _describe_array(kind: type) -> Schema:
    if kind.__name__ in _TABLES:
        return {"type": "array", "items": {"type": "object"}}
    return {"type": "array", "items": {}} if kind.__name__ in _ARRAYS else {}
