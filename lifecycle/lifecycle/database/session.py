"""The session of a unit of work, which detects the changes that other services are told of, and helpers of queries.

Use cases, the admin panel and the record editor all write these rows. If the callers had to report changes themselves, one
forgotten report would leave a revoked token valid in PUB.
"""

from collections.abc import Sequence
from typing import Any, TypeVar, cast

from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.entities.dto import ChangeKind
from sqlalchemy import CursorResult, inspect
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
from lifecycle.database.tables.installation import SettingRow
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
_TABLES = {row.__tablename__: row for row in _UNREPORTED_COLUMNS}
_REPORTED_WHEN_NEW = (PermissionRow, SettingRow, PublicEndpointRow)
"""The rows of which new ones, too, change what other services cache."""

_Found = TypeVar("_Found")


class WatchingSession(Session):
    """A session that collects in `changes` the kinds of changes that other services must be told of."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.changes: set[ChangeKind] = set()

    def flush(self, objects: Sequence[Any] | None = None) -> None:
        """Collect the kinds of changes that are about to be written, and write them."""
        rows = [row for row in self.new if _is_reported_when_new(row)]
        rows += [row for row in self.dirty if _has_reported_change(row)]
        rows += list(self.deleted)
        self.changes.update(_kind(type(row)) for row in rows if type(row) in _UNREPORTED_COLUMNS)
        super().flush(objects)

    def execute(self, statement: Any, *args: Any, **options: Any) -> Any:
        """Execute a statement; a bulk update or delete of a reported table counts as a change."""
        if isinstance(statement, UpdateBase) and not _inserts_unreported(statement):
            table = _TABLES.get(getattr(statement.table, "name", ""))
            self.changes.update([_kind(table)] if table else [])
        return super().execute(statement, *args, **options)


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


def _is_reported_when_new(row: Any) -> bool:
    """Return whether a new row changes what other services cache; new users, ESCs and tokens do not."""
    if isinstance(row, PublicEndpointRow):
        return row.active
    return type(row) in _REPORTED_WHEN_NEW


def _inserts_unreported(statement: UpdateBase) -> bool:
    name = getattr(statement.table, "name", "")
    return statement.is_insert and _TABLES.get(name) not in _REPORTED_WHEN_NEW


def _has_reported_change(row: Any) -> bool:
    state: InstanceState[Any] = inspect(row)
    ignored = _UNREPORTED_COLUMNS.get(type(row), ())
    return any(
        attribute.history.has_changes() for attribute in state.attrs if attribute.key not in ignored
    )


def _kind(table: type[Base]) -> ChangeKind:
    return ChangeKind.MAINTENANCE if table is SettingRow else ChangeKind.AUTH
