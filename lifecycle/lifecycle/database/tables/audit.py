"""Rows of the audit log."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from lifecycle.database.tables.base import Base, Id, LongText, Str256, Str512


class AuditLogEventRow(Base):
    """Something that somebody did."""

    __tablename__ = "registry_auditlogevent"

    id: Mapped[Id]
    version: Mapped[int] = mapped_column(default=1)
    timestamp: Mapped[datetime] = mapped_column(index=True)
    event_type: Mapped[Str512]
    properties: Mapped[LongText | None]
    """JSON as text, as older installations have it."""
    username_executor: Mapped[Str512 | None] = mapped_column(index=True)
    username_subject: Mapped[Str512 | None]
    job_name: Mapped[Str512 | None] = mapped_column(index=True)
    job_version: Mapped[Str256 | None] = mapped_column(index=True)
