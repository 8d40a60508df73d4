"""Values of records: from JSON to the database and back, and what a change makes of them for the audit log."""

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from racetrack_client.log.errors import ValidationError
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Integer,
    LargeBinary,
    inspect,
)
from sqlalchemy.orm import InstanceState
from sqlalchemy.types import TypeEngine

from lifecycle.database.tables.base import Base, CommaList, UtcDateTime

MASK = "***"
"""Shown in place of secrets; a record that is saved with it keeps its secret."""
_LARGEST_INTEGER = 2**63
_TRUE, _FALSE = ("true", "1"), ("false", "0")
_Kinds = type[Any] | tuple[type[Any], ...]
_TYPE_NAMES: tuple[tuple[_Kinds, str], ...] = (
    (UtcDateTime, "datetime"),
    (Boolean, "bool"),
    (Integer, "int"),
    (Float, "float"),
    (LargeBinary, "bytes"),
    (TypeEngine, "str"),
)
_SECRET = {"password", "token", "request_headers"}
_JSON_KINDS = (str, int, float, bool, list, dict, type(None))


def name_type(column: Column[Any]) -> str:
    """Return the Python type of a column's values as text, such as `str | None`."""
    name = next(name for kinds, name in _TYPE_NAMES if isinstance(column.type, kinds))
    # The database generates keys of the type BigInteger, so they are optional.
    is_optional = column.nullable or (column.primary_key and isinstance(column.type, BigInteger))
    return f"{name} | None" if is_optional else name


def parse_value(column: Column[Any], value: Any) -> Any:
    """Convert a JSON value for its column; raises ValidationError."""
    if value is None:
        return None
    try:
        return _choose_parser(column.type)(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValidationError(f"column {column.name}: {error}") from error


def dump_value(value: Any) -> Any:
    """Convert a value to JSON; times become ISO 8601 with their offset."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value


def dump_column(column: Column[Any], value: Any) -> Any:
    """Convert the value of a column to JSON; JSON columns become text."""
    if isinstance(column.type, CommaList):
        return ",".join(value) or None
    if isinstance(column.type, JSON) and value is not None:
        return json.dumps(value)
    return dump_value(value)


def describe_changes(row: Base) -> dict[str, Any]:
    """Return the unflushed changes of a row as `before` and `after`, with masked secrets; empty without changes."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    state: InstanceState[Any] = inspect(row)
    for attribute in state.attrs:
        history = attribute.history
        if history.has_changes():
            before[attribute.key] = _describe(attribute.key, history.deleted)
            after[attribute.key] = _describe(attribute.key, history.added)
    return {"before": before, "after": after} if after else {}


def describe_key(row: Base) -> str:
    """Return the primary key of a row as text."""
    state: InstanceState[Any] = inspect(row)
    return ",".join(str(part) for part in state.identity or ())


def _parse_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("it must be a text")
    return value


def _parse_time(value: Any) -> datetime:
    moment = datetime.fromisoformat(_parse_text(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _parse_integer(value: Any) -> int:
    number = int(value)
    if isinstance(value, bool) or (isinstance(value, float) and number != value):
        raise ValueError("it must be a whole number")
    if not -_LARGEST_INTEGER <= number < _LARGEST_INTEGER:
        raise ValueError("it is too large")
    return number


def _parse_float(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("it must be a finite number")
    return number


def _parse_bool(value: Any) -> bool:
    text = str(value).lower()
    if text not in _TRUE + _FALSE:
        raise ValueError("it must be true or false")
    return text in _TRUE


def _parse_json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _parse_names(value: Any) -> list[str]:
    return [name for name in _parse_text(value).split(",") if name]


def _choose_parser(kind: TypeEngine[Any]) -> Callable[[Any], Any]:
    return next((parse for kinds, parse in _PARSERS if isinstance(kind, kinds)), _parse_text)


_PARSERS: tuple[tuple[_Kinds, Callable[[Any], Any]], ...] = (
    (UtcDateTime, _parse_time),
    (CommaList, _parse_names),
    (JSON, _parse_json),
    (Boolean, _parse_bool),
    (Integer, _parse_integer),
    (Float, _parse_float),
    (LargeBinary, lambda value: _parse_text(value).encode()),
)


def _describe(key: str, values: Any) -> Any:
    value = values[0] if values else None
    if key in _SECRET:
        return MASK
    if isinstance(value, Base):
        return describe_key(value)
    return value if isinstance(value, _JSON_KINDS) else str(value)
