"""What every table shares: names of constraints, types of columns."""

from datetime import datetime
from typing import Annotated, Any
from uuid import uuid4

from sqlalchemy import BigInteger, Integer, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, mapped_column

from lifecycle.database.tables.types import CommaList, JsonValue, UtcDateTime


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
    """A random identifier, as text."""
    return str(uuid4())


Id = Annotated[str, mapped_column(String(36), primary_key=True, default=new_id)]
"""A primary key made by the application."""

# SQLite numbers rows by itself only when the key is an INTEGER.
Serial = Annotated[
    int,
    mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
]
"""A primary key that the database counts up."""

Str32 = Annotated[str, mapped_column(String(32))]
Str36 = Annotated[str, mapped_column(String(36))]
Str256 = Annotated[str, mapped_column(String(256))]
Str512 = Annotated[str, mapped_column(String(512))]
LongText = Annotated[str, mapped_column(Text)]
JsonList = Annotated[list[str], mapped_column(JsonValue)]
Names = Annotated[list[str], mapped_column(CommaList, nullable=True)]
"""A list of names in one text column, as installations older than this code have it."""
