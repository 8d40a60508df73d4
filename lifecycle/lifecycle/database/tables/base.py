"""The base of all tables: names of constraints, and types of columns that read the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, MappedColumn, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine

JsonValue = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""JSON lists and maps; None is stored as NULL."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time. SQLite stores it as ISO 8601 text, which sorts by time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(32))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"time {value} has no time zone; times in the database are aware")
        utc = value.astimezone(UTC)
        return _to_text(utc) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: object | None, _: Dialect) -> datetime | None:
        if value is None:
            return None
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


class CommaList(TypeDecorator[list[str]]):
    """A list of names without commas, stored as one comma-separated text; an empty list as NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: list[str] | None, _: Dialect) -> str | None:
        return ",".join(value) if value else None

    def process_result_value(self, value: str | None, _: Dialect) -> list[str]:
        return value.split(",") if value else []


class Base(DeclarativeBase):
    """The base of all rows."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        datetime: UtcDateTime,
        dict[str, Any]: JsonValue,
    }


def new_id() -> str:
    """Return a random identifier, as text."""
    return str(uuid4())


Id = Annotated[str, mapped_column(String(36), primary_key=True, default=new_id)]
"""A primary key made by the application."""

# SQLite generates keys only for columns of the type INTEGER.
Serial = Annotated[
    int,
    mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
]
"""A primary key that the database counts up."""

Str32 = Annotated[str, mapped_column(String(32))]
Str36 = Annotated[str, mapped_column(String(36))]
Str64 = Annotated[str, mapped_column(String(64))]
Str256 = Annotated[str, mapped_column(String(256))]
Str512 = Annotated[str, mapped_column(String(512))]
LongText = Annotated[str, mapped_column(Text)]
JsonList = Annotated[list[str], mapped_column(JsonValue)]
Names = Annotated[list[str], mapped_column(CommaList, nullable=True)]
"""A list of names in one text column, the format of older installations."""


def owned_by(table: str, **options: Any) -> MappedColumn[Any]:
    """Return a column for the id of the row that this row belongs to, and is deleted with."""
    return mapped_column(ForeignKey(f"{table}.id", ondelete="CASCADE"), **options)


def _to_text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
