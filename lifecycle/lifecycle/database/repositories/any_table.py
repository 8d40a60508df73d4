"""Records: rows of any of the tables in `record_tables`, which staff may see."""

from collections.abc import Mapping, Sequence
from typing import Any

from racetrack_client.log.errors import EntityNotFound, ValidationError
from sqlalchemy import Column, ColumnElement, func, select
from sqlalchemy.orm import Session

from lifecycle.database.record_tables import (
    Record,
    RecordChange,
    RecordQuery,
    RecordTable,
    name_record,
    with_holder,
)
from lifecycle.database.record_values import (
    MASK,
    describe_changes,
    describe_key,
    dump_column,
    parse_value,
)
from lifecycle.database.session import require_found
from lifecycle.database.tables.auth import AuthSubjectRow
from lifecycle.database.tables.base import Base


class RecordRepository:
    """Reads and writes records as people see them, with masked secrets; unknown columns raise ValidationError."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def count(self, table: RecordTable, filters: Mapping[str, Any]) -> int:
        """Return how many records have these values."""
        query = select(func.count()).select_from(table.row).where(*_make_conditions(table, filters))
        return self._session.scalars(query).one()

    def list(self, table: RecordTable, wanted: RecordQuery) -> list[Record]:
        """List the records, and of each the columns, that the query asks for."""
        columns = [table.get_column(name) for name in wanted.columns or table.columns]
        query = select(*columns).where(*_make_conditions(table, wanted.filters))
        query = query.order_by(*(_make_order(table, name) for name in wanted.order_by))
        if wanted.limit:
            query = query.limit(wanted.limit)
        if wanted.offset:
            # SQLite has no OFFSET without a LIMIT; -1 means no limit.
            is_sqlite = self._session.get_bind().dialect.name == "sqlite"
            query = query.limit(-1) if is_sqlite and not wanted.limit else query
            query = query.offset(wanted.offset)
        return [
            {
                column.name: _dump(table, column, value)
                for column, value in zip(columns, row, strict=True)
            }
            for row in self._session.execute(query)
        ]

    def get(self, table: RecordTable, key: str) -> Record:
        """Return the record of that primary key; raises EntityNotFound."""
        row = self._get_row(table, key)
        return {
            name: _dump(table, column, getattr(row, name)) for name, column in table.columns.items()
        }

    def add(self, table: RecordTable, values: Mapping[str, Any]) -> RecordChange:
        """Insert a record; a missing or empty primary key is generated."""
        parsed = _parse(table, values)
        if not parsed.get(table.primary_key.name):
            parsed.pop(table.primary_key.name, None)
        row = table.row(**parsed)
        properties = describe_changes(row)
        self._session.add(row)
        self._session.flush()
        return RecordChange(describe_key(row), properties)

    def change(self, table: RecordTable, key: str, values: Mapping[str, Any]) -> RecordChange:
        """Change columns of a record, never its primary key; raises EntityNotFound."""
        row = self._get_row(table, key)
        parsed = _parse(table, values)
        parsed.pop(table.primary_key.name, None)
        for name, value in parsed.items():
            setattr(row, name, value)
        properties = describe_changes(row)
        self._session.flush()
        return RecordChange(describe_key(row), properties)

    def list_names(self, table: RecordTable, keys: Sequence[str]) -> dict[str, str]:
        """Return the names of records by their keys, or nothing for tables without names; raises EntityNotFound."""
        if not table.name_columns:
            return {}
        parsed = {key: parse_value(table.primary_key, key) for key in keys if key}
        query = select(table.row).where(table.primary_key.in_(parsed.values()))
        query = with_holder(query) if table.row is AuthSubjectRow else query
        rows = {describe_key(row): row for row in self._session.scalars(query)}
        missing = [key for key, value in parsed.items() if str(value) not in rows]
        if missing:
            raise EntityNotFound(f"table {table.name} has no record {', '.join(missing)}")
        return {key: name_record(table, rows[str(value)]) for key, value in parsed.items()}

    def remove(self, table: RecordTable, key: str) -> None:
        """Delete a record; the database deletes the rows that belong to it. Raises EntityNotFound."""
        self._session.delete(self._get_row(table, key))
        self._session.flush()

    def _get_row(self, table: RecordTable, key: str) -> Base:
        row = self._session.get(table.row, parse_value(table.primary_key, key))
        return require_found(row, f"table {table.name} has no record {key!r}")


def _parse(table: RecordTable, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values for the database, without secrets that are still masked."""
    return {
        name: parse_value(table.get_column(name), value)
        for name, value in values.items()
        if not (name in table.secret_columns and value == MASK)
    }


def _dump(table: RecordTable, column: Column[Any], value: Any) -> Any:
    if column.name in table.secret_columns and value is not None:
        return MASK
    return dump_column(column, value)


def _make_conditions(table: RecordTable, filters: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    conditions = []
    for name, value in filters.items():
        column = _get_open_column(table, name)
        parsed = parse_value(column, value)
        conditions.append(column.is_(None) if parsed is None else column == parsed)
    return conditions


def _make_order(table: RecordTable, name: str) -> ColumnElement[Any]:
    column = _get_open_column(table, name.removeprefix("-"))
    return column.desc() if name.startswith("-") else column.asc()


def _get_open_column(table: RecordTable, name: str) -> Column[Any]:
    if name in table.secret_columns:
        raise ValidationError(f"records can't be found or sorted by their {name}: it is secret")
    return table.get_column(name)
