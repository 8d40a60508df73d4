"""Rows about running copies of jobs."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from lifecycle.database.tables.base import Base, Names, Str32, Str256, Str512


class JobInstanceRow(Base):
    """One running copy of a job, made by the deployment whose id it bears."""

    __tablename__ = "registry_jobinstance"
    __table_args__ = (Index(None, "job_name", "job_version"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    job_name: Mapped[Str512]
    job_version: Mapped[Str256]
    infrastructure_target: Mapped[Str256]
    state: Mapped[Str32]
    """An `InstanceState`."""
    internal_name: Mapped[Str512 | None]
    replica_internal_names: Mapped[Names]
    image_tag: Mapped[Str256]
    create_time: Mapped[datetime]
    drain_until: Mapped[datetime | None]


class InstanceSpecRow(Base):
    """How an instance was started, so that what goes missing of it can be made again."""

    __tablename__ = "registry_instancespec"

    instance_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    content: Mapped[bytes]
    """Encrypted."""
