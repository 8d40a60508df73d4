"""Rows about deployments: what users see of one, and what workers need to carry it on."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from lifecycle.database.tables.base import (
    Base,
    Id,
    JsonList,
    LongText,
    Str32,
    Str36,
    Str256,
    Str512,
)


class DeploymentRow(Base):
    """One attempt to build and provision a job."""

    __tablename__ = "registry_deployment"
    __table_args__ = (
        Index("update_time_idx", "update_time"),
        Index(None, "job_name", "job_version"),
    )

    id: Mapped[Id]
    status: Mapped[Str32]
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]
    manifest: Mapped[LongText]
    error: Mapped[LongText | None]
    job_name: Mapped[Str512]
    job_version: Mapped[Str256]
    deployed_by: Mapped[Str256 | None]
    build_logs: Mapped[LongText | None]
    phase: Mapped[LongText | None]
    image_name: Mapped[LongText | None]
    infrastructure_target: Mapped[Str256 | None]
    warnings: Mapped[LongText | None]


class DeploymentTaskRow(Base):
    """The work that a deployment still needs; its lease says who is at it."""

    __tablename__ = "registry_deploymenttask"

    deployment_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("registry_deployment.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[Str32]
    """A `TaskKind`."""
    step: Mapped[Str32]
    """A `TaskStep`."""
    attempt: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[Str256 | None]
    lease_expires_at: Mapped[datetime | None] = mapped_column(index=True)
    force: Mapped[bool] = mapped_column(default=False)
    build_flags: Mapped[JsonList] = mapped_column(default=list)
    source_digest: Mapped[Str256 | None]
    secrets: Mapped[bytes | None]
    """Encrypted."""
    image_kind: Mapped[Str32]
    image_tag: Mapped[Str256 | None]
    image_names: Mapped[JsonList] = mapped_column(default=list)
    job_type_version: Mapped[Str256] = mapped_column(default="")
    auth_subject_id: Mapped[Str36 | None]
    created_at: Mapped[datetime]
