"""Fresh databases for tests, copied or emptied because migrating each one would be slow."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, delete, insert, select, text

from lifecycle.database.connections import connect_postgres, connect_sqlite
from lifecycle.database.migrations.upgrade import upgrade
from lifecycle.database.tables.base import Base

_RESTART_SEQUENCES = """SELECT setval(CAST(seqrelid AS regclass), seqstart, false) FROM pg_sequence
    JOIN pg_class ON pg_class.oid = seqrelid WHERE relnamespace = CAST(current_schema() AS regnamespace)"""


def make_sqlite_template(path: Path) -> Path:
    """Migrate an empty SQLite file, of which each test gets a copy; return its path."""
    engine = connect_sqlite(path)
    upgrade(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    engine.dispose()
    return path


@contextmanager
def open_sqlite_copy(template: Path, path: Path) -> Iterator[Engine]:
    """Open a copy of a migrated file; close it at the end."""
    shutil.copy(template, path)
    engine = connect_sqlite(path)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def open_postgres_schema(url: str) -> Iterator[Engine]:
    """Create and migrate a new schema in a PostgreSQL database; drop it at the end."""
    schema = f"test_{uuid4().hex}"
    engine = connect_postgres(url, schema=schema)
    try:
        upgrade(engine, schema=schema)
        yield engine
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        engine.dispose()


def empty_tables(engine: Engine) -> None:
    """Remove all rows of a PostgreSQL database."""
    # TRUNCATE takes a millisecond a table, however few rows there are.
    tables = reversed(Base.metadata.sorted_tables)
    statements = [*(f"DELETE FROM {table.name}" for table in tables), _RESTART_SEQUENCES]
    with engine.begin() as connection:
        connection.execute(text("; ".join(statements)))


class Snapshot:
    """All rows of a small database, which can be restored."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._rows: dict[str, list[dict[str, Any]]] = {}
        with engine.begin() as connection:
            for table in Base.metadata.sorted_tables:
                rows = connection.execute(select(table)).mappings()
                self._rows[table.name] = [dict(row) for row in rows]

    def restore(self) -> None:
        """Replace all rows of the database by those of the snapshot."""
        with self._engine.begin() as connection:
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(delete(table))
            for table in Base.metadata.sorted_tables:
                if self._rows[table.name]:
                    connection.execute(insert(table), self._rows[table.name])
