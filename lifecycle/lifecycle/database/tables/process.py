"""Rows about the operating system's processes that run jobs."""

from datetime import datetime

from sqlalchemy import Float
from sqlalchemy.orm import Mapped, mapped_column

from lifecycle.database.tables.base import Base, Id, LongText, Str32, Str36, Str256, Str512


class JobProcessRow(Base):
    """One replica of an instance, as a process of this machine."""

    __tablename__ = "registry_jobprocess"

    id: Mapped[Id]
    instance_id: Mapped[Str36] = mapped_column(index=True)
    job_name: Mapped[Str512]
    job_version: Mapped[Str256]
    replica: Mapped[int]
    port: Mapped[int] = mapped_column(unique=True)
    pid: Mapped[int | None]
    pid_create_time: Mapped[float | None] = mapped_column(Float(53))
    """When the process began; tells it from a later process with the same pid."""
    state: Mapped[Str32]
    restarts: Mapped[int] = mapped_column(default=0)
    next_start_at: Mapped[datetime | None]
    launch: Mapped[bytes]
    """How to start it: encrypted JSON."""
    log_path: Mapped[LongText]
    create_time: Mapped[datetime]
