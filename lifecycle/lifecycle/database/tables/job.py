"""Rows about jobs: families, jobs, their public endpoints, and the trash."""

from datetime import datetime
from typing import Any

from sqlalchemy import Float, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lifecycle.database.tables.base import Base, Id, LongText, Names, Str32, Str256, Str512


class JobFamilyRow(Base):
    """All versions of a job share a name."""

    __tablename__ = "registry_jobfamily"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(512), unique=True)


class JobRow(Base):
    """One version of a job family."""

    __tablename__ = "registry_job"
    __table_args__ = (UniqueConstraint("name", "version"),)

    id: Mapped[Id]
    family_id: Mapped[str] = mapped_column(
        ForeignKey("registry_jobfamily.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[Str512]
    version: Mapped[Str256]
    status: Mapped[Str32]
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]
    manifest: Mapped[LongText | None]
    internal_name: Mapped[Str512 | None]
    error: Mapped[LongText | None]
    notice: Mapped[LongText | None]
    image_tag: Mapped[Str256 | None]
    deployed_by: Mapped[Str256 | None]
    last_call_time: Mapped[datetime | None]
    infrastructure_target: Mapped[Str256 | None]
    replica_internal_names: Mapped[Names]
    job_type_version: Mapped[Str256] = mapped_column(default="")
    infrastructure_stats: Mapped[dict[str, Any] | None]

    family: Mapped[JobFamilyRow] = relationship(lazy="raise")


class PublicEndpointRow(Base):
    """An endpoint that a manifest wants to be callable without a token; staff activates it."""

    __tablename__ = "registry_publicendpointrequest"

    id: Mapped[Id]
    job_id: Mapped[str] = mapped_column(
        ForeignKey("registry_job.id", ondelete="CASCADE"), index=True
    )
    endpoint: Mapped[Str512]
    active: Mapped[bool] = mapped_column(default=False)

    job: Mapped[JobRow] = relationship(lazy="raise")


class TrashJobRow(Base):
    """A deleted job; it reserves its name and version."""

    __tablename__ = "registry_trashjob"

    id: Mapped[Id]
    name: Mapped[Str512]
    version: Mapped[Str256]
    status: Mapped[Str32]
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]
    delete_time: Mapped[datetime]
    manifest: Mapped[LongText | None]
    internal_name: Mapped[Str512 | None]
    error: Mapped[LongText | None]
    image_tag: Mapped[Str256 | None]
    deployed_by: Mapped[Str256 | None]
    last_call_time: Mapped[datetime | None]
    infrastructure_target: Mapped[Str256 | None]
    age_days: Mapped[float] = mapped_column(Float(53))
