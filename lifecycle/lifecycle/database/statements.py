"""Statements that change rows without loading them."""

from typing import Any, cast

from sqlalchemy import CursorResult
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import UpdateBase


def execute_counting(session: Session, statement: UpdateBase) -> int:
    """Execute an update or delete; return how many rows it met."""
    bulk = statement.execution_options(synchronize_session=False)
    return cast("CursorResult[Any]", session.execute(bulk)).rowcount
