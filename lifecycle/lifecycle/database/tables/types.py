"""Types of columns that read the same on SQLite and on PostgreSQL."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

JsonValue = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""Lists and maps; None is the database's NULL."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware point in time, UTC. SQLite keeps it as ISO 8601 text, which sorts by time."""

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
    """A list of names without commas, in one text; no names are an empty text or NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: list[str] | None, _: Dialect) -> str | None:
        return ",".join(value) if value else None

    def process_result_value(self, value: str | None, _: Dialect) -> list[str]:
        return value.split(",") if value else []


def _to_text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
