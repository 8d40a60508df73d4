"""Records of the database, as staff sees them on the pages of the dashboard and changes them through Lifecycle."""

from enum import StrEnum

from pydantic import BaseModel

SECURITY_TABLES = frozenset(
    {
        "auth_user",
        "registry_authsubject",
        "registry_authtoken",
        "registry_authresourcepermission",
    }
)
"""The tables that only superusers may change: other staff could give itself all rights there."""


class RecordOperator(StrEnum):
    """The ways in which a condition compares the values of a column."""

    EQUAL = "equal"
    UNEQUAL = "unequal"
    """Matches records without a value, too."""
    CONTAINS = "contains"
    """A text is part of the value, in lower or upper case."""
    BELOW = "below"
    ABOVE = "above"
    EMPTY = "empty"
    """There is no value, or an empty text, list or mapping."""
    FILLED = "filled"
    """The opposite of `empty`."""

    @property
    def needs_value(self) -> bool:
        """True if a condition with it compares with a value."""
        return self not in (RecordOperator.EMPTY, RecordOperator.FILLED)


class RecordCondition(BaseModel):
    """The comparison of a column with a value."""

    column: str
    operator: RecordOperator = RecordOperator.EQUAL
    value: str | int | float | bool | None = None
    """The value to compare with; it is not used where records are `empty` or `filled`."""
