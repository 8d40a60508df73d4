"""The session of a unit of work: it notices by itself what other services must hear of.

Use cases, the admin panel and the records manager all write these rows. Whoever forgot to tell
PUB would leave a revoked token alive, so it is not theirs to tell.
"""

from collections.abc import Sequence
from typing import Any, cast

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

_WITHOUT_MEANING: dict[type[Base], set[str]] = {
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
"""The rows that are watched, and what of them nobody remembers."""
_TABLES = {row.__tablename__: row for row in _WITHOUT_MEANING}
_COUNT_AT_ONCE = (PermissionRow, SettingRow, PublicEndpointRow)
"""New rows of these change what somebody may remember."""


class WatchingSession(Session):
    """Collects kinds of changes in `changes`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.changes: set[ChangeKind] = set()

    def flush(self, objects: Sequence[Any] | None = None) -> None:
        """Look at what is about to be written, and write it."""
        rows = [row for row in self.new if _begins_to_count(row)]
        rows += [row for row in self.dirty if _has_other_meaning(row)]
        rows += list(self.deleted)
        self.changes.update(_kind(type(row)) for row in rows if type(row) in _WITHOUT_MEANING)
        super().flush(objects)

    def execute(self, statement: Any, *args: Any, **options: Any) -> Any:
        """Execute a statement; one that writes many rows at once counts as a change of all."""
        if isinstance(statement, UpdateBase) and not _inserts_harmless(statement):
            table = _TABLES.get(getattr(statement.table, "name", ""))
            self.changes.update([_kind(table)] if table else [])
        return super().execute(statement, *args, **options)


def execute_counting(session: Session, statement: UpdateBase) -> int:
    """Execute an update or delete; return how many rows it met."""
    bulk = statement.execution_options(synchronize_session=False)
    return cast("CursorResult[Any]", session.execute(bulk)).rowcount


def insert_if_absent(
    session: Session, table: type[DeclarativeBase], values: dict[str, Any], key: str
) -> None:
    """Insert a row, unless one with the same key is there, or is being inserted right now."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(
            postgresql.insert(table).values(**values).on_conflict_do_nothing(index_elements=[key])
        )
    else:
        session.execute(
            sqlite.insert(table).values(**values).on_conflict_do_nothing(index_elements=[key])
        )


def _begins_to_count(row: Any) -> bool:
    """New users, ESCs and tokens change nothing that somebody may remember."""
    if isinstance(row, PublicEndpointRow):
        return row.active
    return type(row) in _COUNT_AT_ONCE


def _inserts_harmless(statement: UpdateBase) -> bool:
    name = getattr(statement.table, "name", "")
    return statement.is_insert and _TABLES.get(name) not in _COUNT_AT_ONCE


def _has_other_meaning(row: Any) -> bool:
    state: InstanceState[Any] = inspect(row)
    ignored = _WITHOUT_MEANING.get(type(row), ())
    return any(
        attribute.history.has_changes() for attribute in state.attrs if attribute.key not in ignored
    )


def _kind(table: type[Base]) -> ChangeKind:
    return ChangeKind.MAINTENANCE if table is SettingRow else ChangeKind.AUTH
