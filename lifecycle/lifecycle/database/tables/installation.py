"""Tables of the whole installation: settings, changes for the event stream, and the audit log."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from lifecycle.database.tables.base import (
    Base,
    Id,
    JsonValue,
    LongText,
    Serial,
    Str32,
    Str256,
    Str512,
)


class SettingRow(Base):
    """A named JSON value, such as `maintenance_mode`."""

    __tablename__ = "registry_setting"

    name: Mapped[str] = mapped_column(String(512), primary_key=True)
    value: Mapped[Any | None] = mapped_column(JsonValue)


class ChangeRow(Base):
    """A change that readers of the event stream are told of."""

    __tablename__ = "registry_change"
    # Without it, SQLite would reuse the number of the newest row once that row is deleted.
    __table_args__ = {"sqlite_autoincrement": True}

    id: Mapped[Serial]
    kind: Mapped[Str32]
    subject: Mapped[Str512 | None]
    create_time: Mapped[datetime]


class AuditLogEventRow(Base):
    """One event of the audit log."""

    __tablename__ = "registry_auditlogevent"
    __table_args__ = (
        # SQLite finds the events of a page in it, and reads no properties.
        Index(
            "audit_list_idx",
            *("timestamp", "job_name", "job_version", "event_type"),
            *("username_executor", "username_subject", "id"),
        ).ddl_if(dialect="sqlite"),
    )

    id: Mapped[Id]
    version: Mapped[int] = mapped_column(default=1)
    timestamp: Mapped[datetime] = mapped_column(index=True)
    event_type: Mapped[Str512]
    properties: Mapped[LongText | None]
    """JSON stored as text, the format of older installations."""
    username_executor: Mapped[Str512 | None] = mapped_column(index=True)
    username_subject: Mapped[Str512 | None]
    job_name: Mapped[Str512 | None] = mapped_column(index=True)
    job_version: Mapped[Str256 | None] = mapped_column(index=True)
