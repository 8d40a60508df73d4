"""Applies the migrations in one process at a time, and adopts the tables of older installations."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config as AlembicConfig
from filelock import FileLock
from sqlalchemy import Connection, Engine, text

_LOCK_NUMBER = 7202_0001
_LOCK_TIMEOUT_SECONDS = 120
_WIDER_COLUMNS = {
    ("registry_trashjob", "age_days"): "double precision",
    ("registry_asyncjobcall", "request_url"): "text",
}


def upgrade(
    engine: Engine, *, schema: str | None = None, seal: Callable[[bytes], bytes] | None = None
) -> None:
    """Migrate the tables to the newest revision, after waiting for other processes that do the same."""
    with _one_at_a_time(engine), engine.begin() as connection:
        if schema:
            quoted = connection.dialect.identifier_preparer.quote_identifier(schema)
            connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {quoted}")
        config = alembic_config(connection)
        config.attributes["seal"] = seal
        command.upgrade(config, "head")


def alembic_config(connection: Connection) -> AlembicConfig:
    """Return a configuration that gives Alembic the directory of migrations and the connection to run them on."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def adopt_older_tables(connection: sa.Connection) -> None:
    """Widen columns that overflow, and make the foreign keys of an older installation cascade deletes.

    Only PostgreSQL can hold such tables: the older code kept nothing in its SQLite files.
    """
    if connection.dialect.name != "postgresql":
        return
    inspector = sa.inspect(connection)
    tables = set(inspector.get_table_names())
    for (table, column), column_type in _WIDER_COLUMNS.items():
        if table in tables:
            connection.exec_driver_sql(
                f'ALTER TABLE {table} ALTER COLUMN "{column}" TYPE {column_type}'
            )
    for table in sorted(tables):
        if table.startswith("registry_"):
            _cascade_deletes(connection, inspector, table)


@contextmanager
def _one_at_a_time(engine: Engine) -> Iterator[None]:
    if engine.dialect.name == "sqlite":
        with FileLock(f"{engine.url.database}.migration.lock", timeout=_LOCK_TIMEOUT_SECONDS):
            yield
        return
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": _LOCK_NUMBER})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": _LOCK_NUMBER})


def _cascade_deletes(connection: sa.Connection, inspector: sa.Inspector, table: str) -> None:
    for key in inspector.get_foreign_keys(table):
        if key.get("options", {}).get("ondelete") == "CASCADE":
            continue
        column, target = key["constrained_columns"][0], key["referred_table"]
        connection.exec_driver_sql(f'ALTER TABLE {table} DROP CONSTRAINT "{key["name"]}"')
        connection.exec_driver_sql(
            f'ALTER TABLE {table} ADD CONSTRAINT "fk_{table}_{column}"'
            f' FOREIGN KEY ("{column}") REFERENCES {target} (id) ON DELETE CASCADE'
        )
