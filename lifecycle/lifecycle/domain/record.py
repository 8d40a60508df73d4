"""Records: rows of any table as staff reads and writes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Record = dict[str, Any]
"""Values by the names of their columns, as JSON holds them."""


@dataclass(frozen=True)
class RecordQuery:
    """Which records to list."""

    filters: Mapping[str, Any] = field(default_factory=dict)
    """Values that columns must equal; None: those without a value."""
    order_by: Sequence[str] = ()
    """Names of columns; a minus before one puts the highest first."""
    columns: Sequence[str] = ()
    """None means all."""
    offset: int = 0
    limit: int = 0
    """0 means all."""


@dataclass(frozen=True)
class RecordChange:
    """What was written."""

    key: str
    properties: dict[str, Any]
    """`before` and `after`, where there is both."""
