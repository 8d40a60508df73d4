"""The session of a unit of work, which detects the changes that services and pages are told of, and helpers of queries.

Use cases, the admin panel and the record editor all write these rows. If the callers had to report changes themselves, one
forgotten report would leave a revoked token valid in PUB.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.entities.dto import ChangeKind
from sqlalchemy import ColumnElement, CursorResult, SQLColumnExpression, inspect, or_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, InstanceState, Session
from sqlalchemy.sql.dml import UpdateBase

from lifecycle.database.tables.auth import (
    AuthSubjectRow,
    AuthTokenRow,
    EscRow,
    PermissionRow,
    UserRow,
)
from lifecycle.database.tables.base import Base
from lifecycle.database.tables.deployment import DeploymentRow, JobInstanceRow
from lifecycle.database.tables.installation import AuditLogEventRow, SettingRow
from lifecycle.database.tables.job import JobFamilyRow, PublicEndpointRow

_UNREPORTED_COLUMNS: dict[type[Base], set[str]] = {
    UserRow: {
        *("password", "email", "first_name", "last_name"),
        *("date_joined", "last_login", "is_staff", "is_superuser"),
    },
    EscRow: set(),
    JobFamilyRow: set(),
    AuthSubjectRow: set(),
    AuthTokenRow: {"last_use_time"},
    PermissionRow: set(),
    PublicEndpointRow: set(),
    SettingRow: set(),
}
"""The rows whose changes are reported, with the columns that no other service caches."""
_SHOWN_KINDS: dict[type[Base], ChangeKind] = {
    UserRow: ChangeKind.USER,
    EscRow: ChangeKind.ESC,
    AuthTokenRow: ChangeKind.TOKEN,
    PermissionRow: ChangeKind.PERMISSION,
    PublicEndpointRow: ChangeKind.PUBLIC_ENDPOINT,
    DeploymentRow: ChangeKind.DEPLOYMENT,
    AuditLogEventRow: ChangeKind.AUDIT,
}
"""The rows that pages show, with the kinds of their changes."""
_SILENT_COLUMNS: dict[type[Base], set[str]] = {
    UserRow: {"password", "last_login"},
    AuthTokenRow: {"last_use_time"},
}
"""The columns whose changes alone are not worth to read a page again."""
SILENTLY = {"tells_nothing": True}
"""Execution options of bulk statements of which pages are not told, such as each line of a build log."""
_SHOWN_TABLES = {row.__tablename__: kind for row, kind in _SHOWN_KINDS.items()}
_TABLES = {row.__tablename__: row for row in _UNREPORTED_COLUMNS}
_REPORTED_WHEN_NEW = (PermissionRow, SettingRow, PublicEndpointRow)
"""The rows of which new ones, too, change what other services cache."""

_Found = TypeVar("_Found")
_Key = TypeVar("_Key")


class WatchingSession(Session):
    """A session that collects in `changes` the kinds of changes that services and pages must be told of."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.changes: set[ChangeKind] = set()
        self._new_holders: set[str] = set()
        """The ids of holders of permissions that this session has added: no service has asked about them yet."""

    def flush(self, objects: Sequence[Any] | None = None) -> None:
        """Collect the kinds of changes that are about to be written, and write them."""
        rows = [row for row in self.new if self._is_reported_when_new(row)]
        rows += [row for row in self.dirty if _has_changed(row, _UNREPORTED_COLUMNS)]
        rows += list(self.deleted)
        self.changes.update(_kind(type(row)) for row in rows if type(row) in _UNREPORTED_COLUMNS)
        dirty = [row for row in self.dirty if type(row) in _SHOWN_KINDS]
        shown = [row for row in dirty if _has_changed(row, _SILENT_COLUMNS)]
        for row in (*self.new, *self.deleted, *shown):
            self.changes.update(_list_shown(_SHOWN_KINDS, type(row)))
        holders = [row for row in self.new if isinstance(row, AuthSubjectRow)]
        super().flush(objects)
        self._new_holders.update(row.id for row in holders)

    def execute(self, statement: Any, *args: Any, **options: Any) -> Any:
        """Execute a statement; a bulk update or delete that affects rows counts as a change."""
        result = super().execute(statement, *args, **options)
        if isinstance(statement, UpdateBase) and cast("CursorResult[Any]", result).rowcount != 0:
            self.changes.update(_list_kinds(statement))
        return result

    def _is_reported_when_new(self, row: Any) -> bool:
        """Return whether a new row changes what other services cache; new users, ESCs and tokens do not."""
        if isinstance(row, PublicEndpointRow):
            return row.active
        if isinstance(row, PermissionRow):
            return row.auth_subject_id not in self._new_holders
        return type(row) in _REPORTED_WHEN_NEW


def job_condition(
    row: type[DeploymentRow] | type[JobInstanceRow], job_name: str, job_version: str
) -> ColumnElement[bool]:
    """Return the condition that rows are of a job."""
    return (row.job_name == job_name) & (row.job_version == job_version)


def search_conditions(
    session: Session, columns: Sequence[SQLColumnExpression[Any]], words: Iterable[str]
) -> list[ColumnElement[bool]]:
    """Return the conditions that each word is in one of the columns, in small or capital letters."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    contains = _contains_on_sqlite if is_sqlite else _contains_on_postgres
    return [or_(*(contains(column, word) for column in columns)) for word in words]


def require_found(value: _Found | None, missing: str) -> _Found:
    """Return a value that a query may not have found; raises EntityNotFound with the text `missing` instead of None."""
    if value is None:
        raise EntityNotFound(missing)
    return value


def execute_counting(session: Session, statement: UpdateBase) -> int:
    """Execute a bulk update or delete; return how many rows it affected."""
    bulk = statement.execution_options(synchronize_session=False)
    return cast("CursorResult[Any]", session.execute(bulk)).rowcount


def insert_if_absent(
    session: Session, table: type[DeclarativeBase], values: dict[str, Any], key: str
) -> None:
    """Insert a row, unless a row with the same key exists or is being inserted by another transaction."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(
            postgresql.insert(table).values(**values).on_conflict_do_nothing(index_elements=[key])
        )
    else:
        session.execute(
            sqlite.insert(table).values(**values).on_conflict_do_nothing(index_elements=[key])
        )


def _contains_on_sqlite(column: SQLColumnExpression[Any], word: str) -> ColumnElement[bool]:
    # LIKE takes small and capital letters as equal by itself, three times faster than by `lower`.
    return column.contains(word, autoescape=True)


def _contains_on_postgres(column: SQLColumnExpression[Any], word: str) -> ColumnElement[bool]:
    # Without a language's rules, letters are lowered twice as fast; for ASCII they are not needed.
    text = column.collate("C") if word.isascii() else column
    return text.icontains(word, autoescape=True)


def _list_kinds(statement: UpdateBase) -> list[ChangeKind]:
    """List the kinds of the changes that a bulk statement makes."""
    name = getattr(statement.table, "name", "")
    table = _TABLES.get(name)
    is_reported = table is not None and (not statement.is_insert or table in _REPORTED_WHEN_NEW)
    kinds = [_kind(table)] if table is not None and is_reported else []
    is_silent = "tells_nothing" in statement.get_execution_options()
    return kinds if is_silent else [*kinds, *_list_shown(_SHOWN_TABLES, name)]


def _list_shown(kinds: Mapping[_Key, ChangeKind], key: _Key) -> list[ChangeKind]:
    return [kinds[key]] if key in kinds else []


def _has_changed(row: Any, ignored: Mapping[type[Base], Collection[str]]) -> bool:
    state: InstanceState[Any] = inspect(row)
    columns = ignored.get(type(row), ())
    return any(
        attribute.history.has_changes() for attribute in state.attrs if attribute.key not in columns
    )


def _kind(table: type[Base]) -> ChangeKind:
    return ChangeKind.MAINTENANCE if table is SettingRow else ChangeKind.AUTH
