"""The rules by which objects become JSON, one step each, chosen by the type of the object.

A rule returns something simpler, whose parts may need rules again. Packages such as pydantic and attrs are known by the
attributes of their classes, because the wrapper imports none of them.
"""

import dataclasses
import datetime
import decimal
import enum
import fractions
import io
import pathlib
import re
import types
import uuid
from collections import UserString
from collections.abc import Callable, Iterator, Mapping, Sequence, Set, ValuesView
from functools import lru_cache
from typing import Any

from racetrack_job_wrapper.arrays import Inexpressible, find_array_rule

Rule = Callable[[Any], Any]
_TEXT_TYPES = (pathlib.PurePath, uuid.UUID, fractions.Fraction, datetime.tzinfo, UserString)
_TEXT_PACKAGES = ("ipaddress", "pydantic", "pydantic_core")


class Attributes(dict[str, Any]):
    """The attributes of an object, by name."""


# Types are few, but a job may make one for each call.
@lru_cache(maxsize=1024)
def find_rule(kind: type) -> Rule | None:
    """Return the rule for objects of a type; None when JSON can't hold them."""
    return (
        _find_rule_of_class(kind)
        or _find_rule_of_scalar(kind)
        or find_array_rule(kind)
        or _find_rule_of_container(kind)
    )


def expand_arrays(value: Any) -> Any:
    """Return a value with its arrays, tables and iterables as lists, and all others as they are, for other encoders."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, dict):
        return {key: expand_arrays(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [expand_arrays(item) for item in value]
    if isinstance(value, datetime.date) and value != value:
        return None
    kind: type = type(value)
    rule = _find_list_rule(kind)
    return expand_arrays(rule(value)) if rule else value


@lru_cache(maxsize=1024)
def _find_list_rule(kind: type) -> Rule | None:
    if _find_rule_of_class(kind) or _find_rule_of_scalar(kind):
        return None
    return find_array_rule(kind) or _find_rule_of_container(kind)


def _find_rule_of_class(kind: type) -> Rule | None:
    if hasattr(kind, "__to_json__"):
        return lambda value: value.__to_json__()
    if hasattr(kind, "model_dump"):
        return _dump_model
    if hasattr(kind, "__fields__") and hasattr(kind, "dict"):
        return lambda value: Attributes(value.dict(by_alias=True))
    if dataclasses.is_dataclass(kind):
        return _read_attributes([each.name for each in dataclasses.fields(kind)])
    if hasattr(kind, "__attrs_attrs__"):
        return _read_attributes([each.name for each in kind.__attrs_attrs__])
    if hasattr(kind, "__struct_fields__"):
        return _read_attributes(list(kind.__struct_fields__))
    if issubclass(kind, types.SimpleNamespace):
        return lambda value: Attributes(vars(value))
    return None


def _find_rule_of_scalar(kind: type) -> Rule | None:
    if issubclass(kind, enum.Enum):
        return lambda value: value.value
    if issubclass(kind, datetime.date | datetime.time):
        # NaT of pandas is a datetime, too, and differs from itself.
        return lambda value: value.isoformat() if value == value else None
    if issubclass(kind, datetime.timedelta):
        return lambda value: value.total_seconds()
    if issubclass(kind, decimal.Decimal):
        return lambda value: str(value) if value.is_finite() else None
    if issubclass(kind, bytes | bytearray | memoryview):
        return _decode
    if issubclass(kind, re.Pattern):
        return lambda value: value.pattern
    if issubclass(kind, complex):
        return _refuse_complex
    return str if _is_text(kind) else None


def _find_rule_of_container(kind: type) -> Rule | None:
    if issubclass(kind, Mapping):
        return dict
    if kind.__module__ == "sqlite3" and hasattr(kind, "keys"):
        return lambda value: {key: value[key] for key in value.keys()}  # noqa: SIM118 - no mapping
    if issubclass(kind, io.IOBase):
        return None
    if issubclass(kind, Iterator | Set | Sequence | ValuesView):
        return list
    return None


def _dump_model(value: Any) -> Any:
    try:
        return _name_attributes(value.model_dump(mode="json", by_alias=True))
    except Exception:  # noqa: BLE001 - the model holds a value that pydantic can't write, but a rule here may
        return _dump_model_as_python(value)


def _dump_model_as_python(value: Any) -> Any:
    try:
        return _name_attributes(value.model_dump(by_alias=True))
    except Exception as error:
        raise Inexpressible(f"{type(value)} can't be dumped: {error}") from error


def _name_attributes(dumped: Any) -> Any:
    return Attributes(dumped) if isinstance(dumped, dict) else dumped


def _read_attributes(names: Sequence[str]) -> Rule:
    return lambda value: Attributes((name, getattr(value, name)) for name in names)


def _decode(value: Any) -> str:
    try:
        return bytes(value).decode()
    except UnicodeDecodeError as error:
        raise Inexpressible(
            "bytes that are not UTF-8 can't be in a JSON answer; encode them as base64"
        ) from error


def _refuse_complex(value: complex) -> Any:
    raise Inexpressible(f"the complex number {value} has no form in JSON; return its real and imag")


def _is_text(kind: type) -> bool:
    package = str(kind.__module__).partition(".")[0]
    return issubclass(kind, _TEXT_TYPES) or (
        package in _TEXT_PACKAGES and kind.__str__ is not object.__str__
    )
