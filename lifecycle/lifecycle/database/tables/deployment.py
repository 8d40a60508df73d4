"""Tables of deployments, their tasks and source bundles, and of the instances and processes that they start."""

from datetime import datetime

from sqlalchemy import BigInteger, Float, Index, String, false
from sqlalchemy.orm import Mapped, mapped_column

from lifecycle.database.tables.base import (
    Base,
    Id,
    JsonList,
    LongText,
    Names,
    Serial,
    Str32,
    Str36,
    Str256,
    Str512,
    owned_by,
)


class DeploymentRow(Base):
    """One attempt to build and provision a job."""

    __tablename__ = "registry_deployment"
    __table_args__ = (
        Index("update_time_idx", "update_time"),
        Index(None, "job_name", "job_version"),
        # SQLite finds the deployments of a page in it, and reads no manifests and logs.
        Index(
            "deployment_list_idx",
            *("update_time", "job_name", "job_version", "status", "deployed_by"),
            *("infrastructure_target", "auth_subject_id", "id"),
        ).ddl_if(dialect="sqlite"),
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
    """The name of the subject that began the deployment, for people; other subjects may have the same."""
    auth_subject_id: Mapped[Str36 | None]
    """The id of that subject, by which its deployments are found; None for services, and where an older release left it open."""
    build_logs: Mapped[LongText | None]
    phase: Mapped[LongText | None]
    image_name: Mapped[LongText | None]
    infrastructure_target: Mapped[Str256 | None]
    warnings: Mapped[LongText | None]


class DeploymentPhaseRow(Base):
    """A phase of a deployment; a phase that comes again after a takeover has a row for each time."""

    __tablename__ = "registry_deploymentphase"

    id: Mapped[Serial]
    deployment_id: Mapped[str] = owned_by("registry_deployment", index=True)
    phase: Mapped[LongText]
    begin_time: Mapped[datetime]


class DeploymentTaskRow(Base):
    """The work that is left of a deployment, and the lease of the worker that carries it on."""

    __tablename__ = "registry_deploymenttask"

    deployment_id: Mapped[str] = owned_by("registry_deployment", primary_key=True)
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
    """The secrets, as encrypted JSON."""
    image_kind: Mapped[Str32]
    image_tag: Mapped[Str256 | None]
    image_names: Mapped[JsonList] = mapped_column(default=list)
    job_type_version: Mapped[Str256] = mapped_column(default="")
    auth_subject_id: Mapped[Str36 | None]
    created_at: Mapped[datetime]


class SourceBundleRow(Base):
    """A packed source directory, identified by its SHA-256 digest."""

    __tablename__ = "registry_sourcebundle"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[bytes]
    size: Mapped[int]
    create_time: Mapped[datetime]


class JobInstanceRow(Base):
    """One running copy of a job; it has the id of the deployment that made it."""

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
    is_in_place: Mapped[bool] = mapped_column(default=False, server_default=false())
    proves_itself: Mapped[bool] = mapped_column(default=False, server_default=false())
    """True if it has proven to know its secret, which is derived from its id and `SECRET_KEY`."""


class InstanceSpecRow(Base):
    """The specification of an instance, from which missing replicas are created again."""

    __tablename__ = "registry_instancespec"

    instance_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    content: Mapped[bytes]
    """The specification, as encrypted JSON."""


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
    """When the process began; distinguishes it from a later process that reuses the pid."""
    state: Mapped[Str32]
    restarts: Mapped[int] = mapped_column(default=0)
    next_start_at: Mapped[datetime | None]
    launch: Mapped[bytes]
    """The command and environment of the process, as encrypted JSON."""
    log_path: Mapped[LongText]
    create_time: Mapped[datetime]
    peak_memory_bytes: Mapped[int | None] = mapped_column(BigInteger)
    """The most memory that the replica has used, all its starts together."""
    memory_kill: Mapped[LongText | None]
    """A phrase that tells users of its last kill for want of memory."""


class JobUserRow(Base):
    """The user of the operating system that the processes of a job family run as; it stays when the jobs are gone."""

    __tablename__ = "registry_jobuser"

    family: Mapped[str] = mapped_column(String(512), primary_key=True)
    user_id: Mapped[int] = mapped_column(BigInteger, unique=True)
