"""Statements that change rows without loading them."""

from typing import Any, cast

from sqlalchemy import CursorResult
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.sql.dml import UpdateBase


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
