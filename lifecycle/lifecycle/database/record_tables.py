"""The tables that staff may see, in the order in which they are listed, and how to ask for, name and change their records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from racetrack_client.log.errors import EntityNotFound, ValidationError
from racetrack_commons.entities.records import RecordCondition
from sqlalchemy import Column, Select, Table
from sqlalchemy.orm import joinedload

from lifecycle.database.record_values import name_type
from lifecycle.database.tables.auth import (
    AuthSubjectRow,
    AuthTokenRow,
    EscRow,
    PermissionRow,
    UserRow,
)
from lifecycle.database.tables.base import Base
from lifecycle.database.tables.deployment import DeploymentRow
from lifecycle.database.tables.installation import AuditLogEventRow, SettingRow
from lifecycle.database.tables.job import (
    AsyncJobCallRow,
    JobFamilyRow,
    JobRow,
    PublicEndpointRow,
    TrashJobRow,
)

Record = dict[str, Any]
"""JSON values by the names of their columns."""


@dataclass(frozen=True)
class RecordTable:
    """A table that staff may see, and how its records are shown."""

    row: type[Base]
    class_name: str
    plural_name: str
    main_columns: tuple[str, ...]
    name_columns: tuple[str, ...] = ()
    """The columns that make the name of a record; without any, records have no names."""
    secret_columns: frozenset[str] = frozenset()
    """Columns that can be written, but are never shown."""
    hidden_columns: frozenset[str] = frozenset()
    """Columns that are no part of the records, because older dashboards know every column."""
    is_read_only: bool = False

    @property
    def name(self) -> str:
        """The table's name in the database."""
        return self._table.name

    @property
    def columns(self) -> Mapping[str, Column[Any]]:
        """All columns of the records by name, in their order."""
        return {
            column.name: column
            for column in self._table.columns
            if column.name not in self.hidden_columns
        }

    @property
    def primary_key(self) -> Column[Any]:
        """The one column that identifies a record."""
        (column,) = self._table.primary_key
        return column

    @property
    def column_types(self) -> dict[str, str]:
        """The Python type of each column's values as text, such as `str | None`."""
        return {name: name_type(column) for name, column in self.columns.items()}

    @property
    def foreign_keys(self) -> dict[str, str]:
        """The columns that refer to records of other tables, with the names of those tables."""
        return {
            name: key.column.table.name
            for name, column in self.columns.items()
            for key in column.foreign_keys
        }

    @property
    def _table(self) -> Table:
        return cast("Table", self.row.__table__)

    def get_column(self, name: str) -> Column[Any]:
        """Return the column of that name; raises ValidationError."""
        column = self.columns.get(name)
        if column is None:
            known = ", ".join(self.columns)
            raise ValidationError(f"table {self.name} has no column {name!r}; it has: {known}")
        return column


@dataclass(frozen=True)
class RecordFilter:
    """The records that a query finds: those that have all these values, and meet all these conditions."""

    values: Mapping[str, Any] = field(default_factory=dict)
    """Values by column; None matches columns without a value."""
    conditions: Sequence[RecordCondition] = ()


@dataclass(frozen=True)
class RecordQuery:
    """The records to list, and the columns of each."""

    filter: RecordFilter = field(default_factory=RecordFilter)
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


def get_record_table(name: str) -> RecordTable:
    """Return the table of that name in the database; raises EntityNotFound."""
    table = _BY_NAME.get(name)
    if table is None:
        raise EntityNotFound(f"there is no table {name!r}; there are: {', '.join(_BY_NAME)}")
    return table


def name_record(table: RecordTable, row: Base) -> str:
    """Return the name of a row; an auth subject must be loaded `with_holder`."""
    if isinstance(row, AuthSubjectRow):
        return ": ".join(name_subject(row))
    return " ".join(str(getattr(row, name)) for name in table.name_columns)


def name_subject(subject: AuthSubjectRow) -> tuple[str, str]:
    """Return the type and the name of a subject, which must be loaded `with_holder`."""
    if subject.user is not None:
        return "User", subject.user.username
    if subject.esc is not None:
        return "ESC", subject.esc.name
    return "Job Family", subject.job_family.name if subject.job_family else "Unknown"


def with_holder(query: Select[Any], *path: Any) -> Select[Any]:
    """Make a query load the user, ESC and job family of the subject at the end of `path`."""
    for holder in (AuthSubjectRow.user, AuthSubjectRow.esc, AuthSubjectRow.job_family):
        query = query.options(_join(*path, holder))
    return query


RECORD_TABLES = (
    RecordTable(JobFamilyRow, "JobFamily", "Job Families", ("id", "name"), ("name",)),
    RecordTable(
        JobRow,
        "Job",
        "Jobs",
        ("id", "name", "version", "status", "update_time", "deployed_by"),
        ("name", "version"),
        hidden_columns=frozenset(
            {"owner_email", "version_key", "search_text", "revision", "change_number"}
        ),
    ),
    RecordTable(
        DeploymentRow,
        "Deployment",
        "Deployments",
        ("id", "job_name", "job_version", "status", "create_time", "deployed_by", "phase"),
        hidden_columns=frozenset({"auth_subject_id"}),
    ),
    RecordTable(EscRow, "Esc", "ESCs", ("id", "name"), ("name",)),
    RecordTable(
        PublicEndpointRow,
        "PublicEndpointRequest",
        "Public Endpoint Requests",
        ("id", "job_id", "endpoint", "active"),
    ),
    RecordTable(
        TrashJobRow,
        "TrashJob",
        "Trash Jobs",
        ("id", "name", "version", "status", "delete_time", "deployed_by", "age_days"),
    ),
    RecordTable(
        AuditLogEventRow,
        "AuditLogEvent",
        "Audit Log Events",
        ("id", "timestamp", "event_type", "username_executor", "job_name", "job_version"),
        is_read_only=True,
    ),
    RecordTable(
        UserRow,
        "User",
        "Users",
        (
            *("id", "username", "email", "is_active", "is_staff", "is_superuser"),
            *("date_joined", "last_login"),
        ),
        ("username",),
        secret_columns=frozenset({"password"}),
    ),
    RecordTable(
        AuthSubjectRow,
        "AuthSubject",
        "Auth Subjects",
        ("id", "user_id", "esc_id", "job_family_id"),
        ("user_id", "esc_id", "job_family_id"),
    ),
    RecordTable(
        AuthTokenRow,
        "AuthToken",
        "Auth Tokens",
        ("id", "auth_subject_id", "active"),
        secret_columns=frozenset({"token"}),
        hidden_columns=frozenset({"sealed", "token_end"}),
    ),
    RecordTable(
        PermissionRow,
        "AuthResourcePermission",
        "Auth Resource Permissions",
        ("id", "auth_subject_id", "scope", "job_family_id", "job_id", "endpoint"),
    ),
    RecordTable(SettingRow, "Setting", "Settings", ("name", "value")),
    RecordTable(
        AsyncJobCallRow,
        "AsyncJobCall",
        "Async Job Calls",
        ("id", "status", "started_at", "job_name"),
        secret_columns=frozenset({"request_headers"}),  # The caller's token is among them.
    ),
)


_BY_NAME = {table.name: table for table in RECORD_TABLES}


def _join(first: Any, *rest: Any) -> Any:
    option = joinedload(first)
    for relation in rest:
        option = option.joinedload(relation)
    return option
