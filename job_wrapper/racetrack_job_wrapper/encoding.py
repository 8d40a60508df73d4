"""Answers of jobs become JSON: numbers, text, containers, dataclasses, dates, and what numpy and pandas return."""

import dataclasses
import datetime
import decimal
import enum
import json
import math
import pathlib
import types
import uuid
from collections.abc import Mapping
from typing import Any


class NotSerializable(TypeError):
    """A job returned something that JSON can't express."""


def to_json(value: Any) -> bytes:
    """Encode an answer; NotSerializable names the type that can't be."""
    return json.dumps(
        _convert(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode()


def _convert(value: Any) -> Any:
    if value is None or (isinstance(value, bool | str | int) and not isinstance(value, enum.Enum)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_key(key): _convert(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | types.GeneratorType):
        return [_convert(item) for item in value]
    return _convert_object(value)


def _convert_object(value: Any) -> Any:
    if hasattr(value, "__to_json__"):
        return _convert(value.__to_json__())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            each.name: _convert(getattr(value, each.name)) for each in dataclasses.fields(value)
        }
    if isinstance(value, enum.Enum):
        return _convert(value.value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, pathlib.PurePath | uuid.UUID | decimal.Decimal):
        return str(value)
    if isinstance(value, bytes):
        return _decode(value)
    return _convert_numeric(value)


def _convert_numeric(value: Any) -> Any:
    # numpy's arrays and scalars have tolist(); pandas' Series has it too, a DataFrame becomes its records.
    if hasattr(value, "tolist"):
        return _convert(value.tolist())
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return _convert(value.to_dict(orient="records"))
    raise NotSerializable(f"Unable to serialize unknown type: {type(value)}")


def _decode(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise NotSerializable(
            "bytes that are not UTF-8 can't be in a JSON answer; encode them as base64"
        ) from error


def _key(key: Any) -> str:
    if isinstance(key, tuple):
        return ",".join(map(str, key))
    return str(key.value) if isinstance(key, enum.Enum) else str(key)
