"""The fields of records: how a value of each type is shown, read from a form, and kept secret."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from racetrack_client.entities import AuthScope
from racetrack_commons.entities.dto import JobStatus

_SECRET_COLUMNS = frozenset({"password", "token"})
_MASK = "••••••"
_LONGEST_CELL = 80
_FIXED_TYPES = ("bytes", "Any")


@dataclass(frozen=True)
class RecordField:
    """A column of a table, as the form of a record shows it."""

    name: str
    type: str
    """The type in Python's notation, without `| None`."""
    is_optional: bool
    is_fixed: bool
    """True if it can't be changed: the key, secrets, and what has no text."""
    choices: tuple[str, ...] = ()
    foreign_table: str = ""
    """The table whose records the column refers to."""

    def to_text(self, value: Any) -> str:
        """Return a value as a text that the form shows."""
        if value is None:
            return ""
        if self.name in _SECRET_COLUMNS:
            return _MASK
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    def read(self, text: str) -> Any:
        """Return the value that a text of the form stands for; raises ValueError if it is none of the type."""
        if not text and self.is_optional:
            return None
        if self.type in ("int", "float"):
            try:
                return int(text) if self.type == "int" else float(text)
            except ValueError:
                raise ValueError(f"{self.name} is {text!r}, which is no {self.type}") from None
        if self.type == "bool":
            return text == "true"
        return text


def list_fields(metadata: Mapping[str, Any]) -> list[RecordField]:
    """List the fields of a table that Lifecycle describes."""
    return [_make_field(metadata, name) for name in metadata["all_columns"]]


def make_cell(name: str, value: Any) -> str:
    """Return a value as the cell of a list; secrets are masked."""
    field = RecordField(name, "str", is_optional=True, is_fixed=True)
    text = field.to_text(value)
    return text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}…"


def _make_field(metadata: Mapping[str, Any], name: str) -> RecordField:
    kind, _, optional = str(metadata["column_types"].get(name, "Any")).partition(" | ")
    is_key = name == metadata["primary_key_column"] and name != "name"
    is_fixed = is_key or kind in _FIXED_TYPES or name in _SECRET_COLUMNS
    choices = _list_choices(str(metadata["table_name"]), name)
    foreign_table = metadata["foreign_keys"].get(name, "")
    return RecordField(name, kind, optional == "None", is_fixed, choices, foreign_table)


def _list_choices(table: str, column: str) -> tuple[str, ...]:
    if column == "scope":
        return tuple(AuthScope)
    if (table, column) == ("registry_job", "status"):
        return tuple(JobStatus)
    return ()
