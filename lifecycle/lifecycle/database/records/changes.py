"""What becomes of a row: its values before and after, for the audit log."""

from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import InstanceState

from lifecycle.database.records.values import MASK
from lifecycle.database.tables import Base

_SECRET = {"password", "token", "request_headers"}
_JSON_KINDS = (str, int, float, bool, list, dict, type(None))


def describe_changes(row: Base) -> dict[str, Any]:
    """Return the values `before` and `after` of what was set and is not flushed yet; secrets are only named."""
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


def _describe(key: str, values: Any) -> Any:
    value = values[0] if values else None
    if key in _SECRET:
        return MASK
    if isinstance(value, Base):
        return describe_key(value)
    return value if isinstance(value, _JSON_KINDS) else str(value)
