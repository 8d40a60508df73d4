"""Tables of job families, jobs, their secrets and public endpoints, deleted jobs, and async calls."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Float,
    Index,
    String,
    Text,
    UniqueConstraint,
    delete,
    event,
    insert,
    inspect,
)
from sqlalchemy.orm import Mapped, Mapper, mapped_column, relationship

from lifecycle.database.tables.base import (
    Base,
    Id,
    LongText,
    Names,
    Str32,
    Str64,
    Str256,
    Str512,
    owned_by,
)
from lifecycle.domain.listed_jobs import make_search_text, make_version_key
from lifecycle.domain.stored_manifest import make_stored_manifest, parse_stored_manifest

_InBytes = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that both databases sort by its bytes."""


class JobFamilyRow(Base):
    """The name that all versions of a job share."""

    __tablename__ = "registry_jobfamily"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(512), unique=True)


class JobRow(Base):
    """One version of a job family."""

    __tablename__ = "registry_job"
    __table_args__ = (UniqueConstraint("name", "version"),)

    id: Mapped[Id]
    family_id: Mapped[str] = owned_by("registry_jobfamily", index=True)
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
    owner_email: Mapped[Str256 | None]
    """The owner that the manifest names; empty if it is no manifest by today's rules."""
    version_key: Mapped[str | None] = mapped_column(_InBytes)
    """A text that sorts like the version."""
    search_text: Mapped[LongText | None]
    """The texts of the job in which lists search; a migration or the session writes it, like the two above."""
    revision: Mapped[Str32 | None]
    """A random text that a trigger of the database replaces at each change: equal revisions mean equal rows."""
    change_number: Mapped[int] = mapped_column(
        BigInteger, default=0, server_default="0", index=True
    )
    """The number that the trigger gives each change: the transaction's on PostgreSQL, one higher than all on SQLite."""

    family: Mapped[JobFamilyRow] = relationship(lazy="raise")


class JobManifestRow(Base):
    """The manifest of a job as JSON, which lists read faster than YAML."""

    __tablename__ = "registry_jobmanifest"

    job_id: Mapped[str] = owned_by("registry_job", primary_key=True)
    digest: Mapped[Str64]
    """The digest of the text that it was made of: one that differs from the job's manifest is outdated."""
    content: Mapped[LongText]


@event.listens_for(JobRow, "before_insert")
@event.listens_for(JobRow, "before_update")
def derive_columns(_mapper: Mapper[JobRow], _connection: Connection, row: JobRow) -> None:
    """Set the columns that follow from others, whatever code changes the row."""
    if row.owner_email is None or _has_new_manifest(row):
        manifest = parse_stored_manifest(row.manifest)
        row.owner_email = manifest.owner_email[:256] if manifest else ""
    row.version_key = make_version_key(row.version)
    row.search_text = make_search_text(
        *(row.name, row.version, row.status, row.deployed_by),
        *(row.job_type_version, row.infrastructure_target, row.owner_email),
    )


@event.listens_for(JobRow, "after_insert")
@event.listens_for(JobRow, "after_update")
def store_manifest(_mapper: Mapper[JobRow], connection: Connection, row: JobRow) -> None:
    """Store a new manifest as JSON beside the job."""
    if row.manifest is None or not _has_new_manifest(row):
        return
    stored = make_stored_manifest(row.manifest)
    connection.execute(delete(JobManifestRow).where(JobManifestRow.job_id == row.id))
    connection.execute(
        insert(JobManifestRow).values(job_id=row.id, digest=stored.digest, content=stored.content)
    )


def _has_new_manifest(row: JobRow) -> bool:
    return bool(inspect(row).attrs.manifest.history.has_changes())


class VersionPinRow(Base):
    """The version of a family that `latest` and matching patterns mean, though there is a higher one."""

    __tablename__ = "registry_versionpin"

    job_name: Mapped[str] = mapped_column(String(512), primary_key=True)
    version: Mapped[Str256]


class PublicEndpointRow(Base):
    """A manifest's request that an endpoint be callable without a token; staff activates it."""

    __tablename__ = "registry_publicendpointrequest"

    id: Mapped[Id]
    job_id: Mapped[str] = owned_by("registry_job", index=True)
    endpoint: Mapped[Str512]
    active: Mapped[bool] = mapped_column(default=False)

    job: Mapped[JobRow] = relationship(lazy="raise")


class TrashJobRow(Base):
    """A deleted job, which reserves its name and version."""

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


class JobSecretRow(Base):
    """The secret variables and git credentials of a job."""

    __tablename__ = "registry_jobsecret"

    name: Mapped[str] = mapped_column(String(512), primary_key=True)
    version: Mapped[str] = mapped_column(String(256), primary_key=True)
    content: Mapped[bytes]
    """The secrets, as encrypted JSON."""


class AsyncJobCallRow(Base):
    """A call that is accepted at once and answered later."""

    __tablename__ = "registry_asyncjobcall"

    id: Mapped[Id]
    status: Mapped[Str32]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    error: Mapped[LongText | None]
    job_name: Mapped[Str512]
    job_version: Mapped[Str256]
    job_path: Mapped[Str512]
    request_method: Mapped[Str32]
    request_url: Mapped[LongText]
    request_headers: Mapped[dict[str, Any] | None]
    request_body: Mapped[bytes]
    response_status_code: Mapped[int | None]
    response_headers: Mapped[dict[str, Any] | None]
    response_body: Mapped[bytes]
    attempts: Mapped[int] = mapped_column(default=0)
    pub_instance_addr: Mapped[Str256]
    retriable_error: Mapped[bool]


class AsyncJobCallLeaseRow(Base):
    """The lease of the gateway that runs an async call; calls of older gateways have none."""

    __tablename__ = "registry_asyncjobcalllease"
    __table_args__ = (Index(None, "caller_id", "idempotency_key", unique=True),)

    call_id: Mapped[str] = owned_by("registry_asyncjobcall", primary_key=True)
    holder: Mapped[Str256 | None]
    """The gateway that runs the call; None when no gateway does."""
    expires_at: Mapped[datetime | None] = mapped_column(index=True)
    """When any gateway can claim the call; None when the call has ended."""
    forget_at: Mapped[datetime | None] = mapped_column(index=True)
    """When the call is deleted: some time after its outcome was first delivered."""
    job_name: Mapped[str] = mapped_column(String(512), default="", server_default="")
    caller: Mapped[str] = mapped_column(String(600), default="", server_default="")
    """The name of the caller; empty for callers without a token."""
    size: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """The bytes of the call's bodies."""
    caller_id: Mapped[str] = mapped_column(String(36), default="", server_default="")
    """The id of the auth subject that started the call; empty for callers without a valid token."""
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    fingerprint: Mapped[str | None] = mapped_column(String(64))
    """The digest of the request that the key was used for."""
