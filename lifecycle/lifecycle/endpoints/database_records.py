"""Routes of records, the rows of any table, for staff."""

from typing import Any

from pydantic import BaseModel, Field
from racetrack_commons.api.guard_first import LARGE_BODY_BYTES
from racetrack_commons.entities.records import RecordCondition

from lifecycle.database.record_tables import (
    RECORD_TABLES,
    RecordFilter,
    RecordQuery,
    RecordTable,
    get_record_table,
)
from lifecycle.endpoints.dependencies import ReadingDep, ServicesDep, StaffUser, make_router

router = make_router("/api/v1/records", "records", max_body_size=LARGE_BODY_BYTES)
_LARGEST = 2**31 - 1
_MOST_CONDITIONS = 20


class TableMetadata(BaseModel):
    """The names and columns of a table."""

    class_name: str
    table_name: str
    plural_name: str
    primary_key_column: str
    main_columns: list[str]
    all_columns: list[str]
    column_types: dict[str, str]
    """Types of columns in Python's notation: `str | None`."""
    foreign_keys: dict[str, str]
    """Names of the tables that columns refer to."""


class CountPayload(BaseModel):
    """A filter of the records to count."""

    filters: dict[str, Any] | None = None
    """Values that columns must equal; null matches records without a value."""
    conditions: list[RecordCondition] = Field([], max_length=_MOST_CONDITIONS)
    """Other comparisons of columns with values."""

    def read(self) -> RecordFilter:
        """Return the filter."""
        return RecordFilter(self.filters or {}, self.conditions)


class ListPayload(CountPayload):
    """The filter, order, page and columns of the records to list."""

    offset: int = Field(0, ge=0, le=_LARGEST)
    limit: int | None = Field(None, ge=0, le=_LARGEST)
    """Null or 0 means all."""
    order_by: list[str] | None = None
    """A minus before a column's name sorts from high to low."""
    columns: list[str] | None = None
    """Null or empty means all."""


class NamesPayload(BaseModel):
    """The ids of the records to name."""

    record_ids: list[str] = Field(max_length=10_000)


class SearchPayload(BaseModel):
    """The words of a search for records by their names."""

    search: str = Field("", max_length=200)
    """Words; each must be in the name."""
    limit: int = Field(20, ge=1, le=100)


class NamesResult(BaseModel):
    """The names that people give to records, by id."""

    id_to_name: dict[str, str]


class ManyPayload(BaseModel):
    """The ids of the records to remove."""

    record_ids: list[str] = Field(max_length=10_000)


class RecordPayload(BaseModel):
    """A record, or some of its columns."""

    fields: dict[str, Any]


class RecordsResult(BaseModel):
    """Records of a table."""

    columns: list[str]
    primary_key_column: str
    records: list[RecordPayload]


@router.get("/tables")
def list_tables(_: StaffUser) -> list[TableMetadata]:
    """List the tables."""
    return [_describe(table) for table in RECORD_TABLES]


@router.get("/table/{table}/metadata")
def get_metadata(table: str, _: StaffUser) -> TableMetadata:
    """Show the names and columns of a table."""
    return _describe(get_record_table(table))


@router.post("/table/{table}/count")
def count_records(table: str, payload: CountPayload, _: StaffUser, uow: ReadingDep) -> int:
    """Count records."""
    return uow.records.count(get_record_table(table), payload.read())


@router.post("/table/{table}/list")
def list_records(table: str, payload: ListPayload, _: StaffUser, uow: ReadingDep) -> RecordsResult:
    """List records."""
    known = get_record_table(table)
    wanted = RecordQuery(
        payload.read(),
        payload.order_by or (),
        payload.columns or (),
        payload.offset,
        payload.limit or 0,
    )
    return RecordsResult(
        columns=payload.columns or list(known.columns),
        primary_key_column=known.primary_key.name,
        records=[RecordPayload(fields=record) for record in uow.records.list(known, wanted)],
    )


@router.post("/table/{table}/names")
def list_names(table: str, payload: NamesPayload, _: StaffUser, uow: ReadingDep) -> NamesResult:
    """Show the names that people give to records."""
    names = uow.records.list_names(get_record_table(table), payload.record_ids)
    return NamesResult(id_to_name=names)


@router.post("/table/{table}/search")
def search_names(table: str, payload: SearchPayload, _: StaffUser, uow: ReadingDep) -> NamesResult:
    """Find records by the names that people give to them, in the order of the names."""
    words = payload.search.split()
    names = uow.records.search_names(get_record_table(table), words, payload.limit)
    return NamesResult(id_to_name=names)


@router.post("/table/{table}")
def add_record(
    table: str, payload: RecordPayload, staff: StaffUser, services: ServicesDep
) -> RecordPayload:
    """Add a record; a missing key is generated, and so is the text of an auth token."""
    return RecordPayload(fields=services.records.add(table, payload.fields, staff))


@router.get("/table/{table}/id/{record_id}")
def get_record(table: str, record_id: str, _: StaffUser, uow: ReadingDep) -> RecordPayload:
    """Show a record."""
    return RecordPayload(fields=uow.records.get(get_record_table(table), record_id))


@router.put("/table/{table}/id/{record_id}")
def change_record(
    table: str, record_id: str, payload: RecordPayload, staff: StaffUser, services: ServicesDep
) -> None:
    """Change columns of a record; its key stays."""
    services.records.change(table, record_id, payload.fields, staff)


@router.delete("/table/{table}/id/{record_id}")
def remove_record(table: str, record_id: str, staff: StaffUser, services: ServicesDep) -> None:
    """Remove a record with the records that belong to it; a job is stopped."""
    services.records.remove(table, [record_id], staff)


@router.delete("/table/{table}/many")
def remove_records(
    table: str, payload: ManyPayload, staff: StaffUser, services: ServicesDep
) -> None:
    """Remove records with the records that belong to them: all or none."""
    services.records.remove(table, payload.record_ids, staff)


def _describe(table: RecordTable) -> TableMetadata:
    return TableMetadata(
        class_name=table.class_name,
        table_name=table.name,
        plural_name=table.plural_name,
        primary_key_column=table.primary_key.name,
        main_columns=list(table.main_columns),
        all_columns=list(table.columns),
        column_types=table.column_types,
        foreign_keys=table.foreign_keys,
    )
