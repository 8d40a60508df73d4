"""Records: rows of any of the tables in `record_tables`, which staff may see."""

from collections.abc import Mapping, Sequence
from typing import Any

from racetrack_client.log.errors import EntityNotFound, ValidationError
from racetrack_commons.entities.records import RecordCondition, RecordOperator
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    LargeBinary,
    String,
    Text,
    cast,
    func,
    not_,
    or_,
    select,
)
from sqlalchemy.orm import Session

from lifecycle.database.record_tables import (
    Record,
    RecordChange,
    RecordFilter,
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
from lifecycle.database.tables.auth import AuthSubjectRow, EscRow, UserRow
from lifecycle.database.tables.base import Base, CommaList
from lifecycle.database.tables.job import JobFamilyRow

_TEXTS = (String, CommaList, JSON)
_EMPTY_JSON = ("null", "{}", "[]", '""')
_WITHOUT_ORDER = (Boolean, CommaList, JSON, LargeBinary)


class RecordRepository:
    """Reads and writes records as people see them, with masked secrets; unknown columns raise ValidationError."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def count(self, table: RecordTable, wanted: RecordFilter) -> int:
        """Return how many records the filter lets pass."""
        query = select(func.count()).select_from(table.row).where(*_make_conditions(table, wanted))
        return self._session.scalars(query).one()

    def list(self, table: RecordTable, wanted: RecordQuery) -> list[Record]:
        """List the records, and of each the columns, that the query asks for."""
        columns = [table.get_column(name) for name in wanted.columns or table.columns]
        query = select(*columns).where(*_make_conditions(table, wanted.filter))
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

    def search_names(self, table: RecordTable, words: Sequence[str], limit: int) -> dict[str, str]:
        """Return the names of records that have each word in their name, by their keys and in the names' order."""
        columns = _list_name_columns(table)
        query = select(table.row)
        if table.row is AuthSubjectRow:
            for holder in (AuthSubjectRow.user, AuthSubjectRow.esc, AuthSubjectRow.job_family):
                query = query.outerjoin(holder)
            query = with_holder(query)
        for word in words:
            query = query.where(or_(*(each.icontains(word, autoescape=True) for each in columns)))
        query = query.order_by(*columns, table.primary_key).limit(limit if columns else 0)
        rows = self._session.scalars(query)
        return {describe_key(row): name_record(table, row) for row in rows}

    def remove(self, table: RecordTable, key: str) -> None:
        """Delete a record; the database deletes the rows that belong to it. Raises EntityNotFound."""
        self._session.delete(self._get_row(table, key))
        self._session.flush()

    def _get_row(self, table: RecordTable, key: str) -> Base:
        row = self._session.get(table.row, parse_value(table.primary_key, key))
        return require_found(row, f"table {table.name} has no record {key!r}")


def _list_name_columns(table: RecordTable) -> list[Any]:
    if table.row is AuthSubjectRow:
        return [UserRow.username, EscRow.name, JobFamilyRow.name]
    return [table.get_column(name) for name in table.name_columns]


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


def _make_conditions(table: RecordTable, wanted: RecordFilter) -> list[ColumnElement[bool]]:
    return [
        *(_equals(_get_open_column(table, name), value) for name, value in wanted.values.items()),
        *(_compare(_get_open_column(table, each.column), each) for each in wanted.conditions),
    ]


def _compare(column: Column[Any], condition: RecordCondition) -> ColumnElement[bool]:
    match condition.operator:
        case RecordOperator.EQUAL:
            return _equals(column, condition.value)
        case RecordOperator.UNEQUAL:
            return column.is_distinct_from(parse_value(column, condition.value))
        case RecordOperator.CONTAINS:
            return _contains(column, condition.value)
        case RecordOperator.BELOW | RecordOperator.ABOVE:
            return _is_beyond(column, condition)
        case RecordOperator.EMPTY:
            return _is_empty(column)
        case RecordOperator.FILLED:
            return not_(_is_empty(column))


def _equals(column: Column[Any], value: Any) -> ColumnElement[bool]:
    parsed = parse_value(column, value)
    return column.is_(None) if parsed is None else column == parsed


def _contains(column: Column[Any], value: Any) -> ColumnElement[bool]:
    if not isinstance(column.type, _TEXTS):
        raise ValidationError(f"column {column.name} is no text: compare it in another way")
    return cast(column, Text).icontains(str(value or ""), autoescape=True)


def _is_beyond(column: Column[Any], condition: RecordCondition) -> ColumnElement[bool]:
    if isinstance(column.type, _WITHOUT_ORDER):
        raise ValidationError(f"the values of column {column.name} have no order")
    bound = parse_value(column, condition.value)
    if bound is None:
        raise ValidationError(f"column {column.name}: give a value to compare with")
    is_below = condition.operator is RecordOperator.BELOW
    beyond: ColumnElement[bool] = column < bound if is_below else column > bound
    return beyond


def _is_empty(column: Column[Any]) -> ColumnElement[bool]:
    if not isinstance(column.type, String | JSON):
        return column.is_(None)
    blanks = _EMPTY_JSON if isinstance(column.type, JSON) else ("",)
    return or_(column.is_(None), cast(column, Text).in_(blanks))


def _make_order(table: RecordTable, name: str) -> ColumnElement[Any]:
    column = _get_open_column(table, name.removeprefix("-"))
    return column.desc() if name.startswith("-") else column.asc()


def _get_open_column(table: RecordTable, name: str) -> Column[Any]:
    if name in table.secret_columns:
        raise ValidationError(f"records can't be found or sorted by their {name}: it is secret")
    return table.get_column(name)
