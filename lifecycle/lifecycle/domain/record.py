"""Records: rows of any table as staff reads and writes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Record = dict[str, Any]
"""JSON values by the names of their columns."""


@dataclass(frozen=True)
class RecordQuery:
    """The records to list, and the columns of each."""

    filters: Mapping[str, Any] = field(default_factory=dict)
    """Values by column; None matches columns without a value."""
    order_by: Sequence[str] = ()
    """Names of columns; a leading minus sorts in descending order."""
    columns: Sequence[str] = ()
    """Names of columns; empty means all."""
    offset: int = 0
    limit: int = 0
    """0 means all."""


@dataclass(frozen=True)
class RecordChange:
    """A change of a record, for the audit log."""

    key: str
    properties: dict[str, Any]
    """The values `before` and `after`; empty without them."""
