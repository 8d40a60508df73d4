"""Takes over the tables of an installation older than this code."""

import sqlalchemy as sa

_WIDER_COLUMNS = {
    ("registry_trashjob", "age_days"): "double precision",
    ("registry_asyncjobcall", "request_url"): "text",
}


def adopt_older_tables(connection: sa.Connection) -> None:
    """Widen columns that overflow, and let the database delete what belongs to a deleted row.

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
