"""Jobs, job families, the secrets of jobs, and deleted jobs."""

from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import uuid4

from racetrack_commons.entities.dto import DeploymentStatus, JobDto, JobFamilyDto, JobStatus
from sqlalchemy import Row, Select, delete, exists, select, update
from sqlalchemy.orm import Session

from lifecycle.database.repositories.job_lists import select_since
from lifecycle.database.session import execute_counting, insert_if_absent, require_found
from lifecycle.database.tables.deployment import DeploymentRow
from lifecycle.database.tables.job import (
    JobFamilyRow,
    JobRow,
    JobSecretRow,
    TrashJobRow,
    VersionPinRow,
)
from lifecycle.domain.indexed_jobs import JobStateChanges
from lifecycle.domain.stored_manifest import parse_stored_manifest

_COLUMNS_AS_IN_DTO = (
    "internal_name",
    "error",
    "notice",
    "image_tag",
    "deployed_by",
    "infrastructure_target",
    "replica_internal_names",
    "job_type_version",
    "infrastructure_stats",
)
_OTHER_COLUMNS = (
    *("id", "name", "version", "status", "manifest"),
    *("create_time", "update_time", "last_call_time"),
)
_SECONDS_A_DAY = 86400
_KEPT_IN_TRASH = {
    *("id", "name", "version", "status", "internal_name", "error"),
    *("image_tag", "deployed_by", "infrastructure_target"),
}
"""The fields of a job that its row in the trash has under the same names."""


class JobRepository:
    """The rows of `registry_job`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, name: str, version: str) -> JobDto | None:
        """Return the job of exactly that name and version, or None."""
        row = self._find_row(name, version)
        return _to_dto(row) if row else None

    def get(self, name: str, version: str) -> JobDto:
        """Return the job of exactly that name and version; raises EntityNotFound."""
        return require_found(self.find(name, version), f"there is no job {name} {version}")

    def list_all(self) -> list[JobDto]:
        """List all jobs, the last deployed first."""
        return self._list(select(JobRow).order_by(JobRow.update_time.desc(), JobRow.name))

    def find_state(self, name: str, version: str) -> JobDto | None:
        """Return the job as `list_states` lists it, or None."""
        row = self._find_row(name, version)
        return _to_state(row) if row else None

    def list_states(self) -> list[JobDto]:
        """List all jobs with the texts of their manifests only: reading thousands of these would take seconds."""
        return [_to_state(row) for row in self._session.execute(_select_states())]

    def read_state_changes(self, since: int) -> JobStateChanges:
        """Read the states of the jobs that the change of this number, or a later one, changed; 0 means all jobs."""
        query = _select_changed_states(self._session.get_bind().dialect.name)
        rows = self._session.execute(query, {"since": since}).all()
        changed = [_to_state(row) for row in rows if row.id is not None]
        return JobStateChanges(changed, rows[0].total, rows[0].next_number)

    def list_names(self) -> set[tuple[str, str]]:
        """List the names and versions of all jobs."""
        rows = self._session.execute(select(JobRow.name, JobRow.version))
        return {(name, version) for name, version in rows}

    def list_family(self, name: str) -> list[JobDto]:
        """List all versions of a job family."""
        return self._list(select(JobRow).where(JobRow.name == name).order_by(JobRow.version))

    def save(self, job: JobDto) -> JobDto:
        """Insert the job, or update the one of the same name and version; return it with its id."""
        row = self._find_row(job.name, job.version)
        if row is None:
            row = JobRow(
                id=job.id or str(uuid4()),
                family_id=self._get_family_id(job.name),
                name=job.name,
                version=job.version,
                create_time=_to_datetime(job.create_time),
            )
            self._session.add(row)
        row.status = job.status
        row.update_time = _to_datetime(job.update_time)
        row.manifest = job.manifest_yaml
        for column in _COLUMNS_AS_IN_DTO:
            setattr(row, column, getattr(job, column))
        self._session.flush()
        if job.last_call_time:
            self.note_call(job.name, job.version, _to_datetime(job.last_call_time))
            self._session.refresh(row, ["last_call_time"])
        return _to_dto(row)

    def note_call(self, name: str, version: str, moment: datetime) -> None:
        """Store the time of a call, unless a later one is known, or the job is gone.

        Gateways and jobs tell of calls at the same time and in any order, so the database compares the times.
        """
        is_later = JobRow.last_call_time.is_(None) | (JobRow.last_call_time < moment)
        statement = update(JobRow).where(JobRow.name == name, JobRow.version == version, is_later)
        execute_counting(self._session, statement.values(last_call_time=moment))

    def remove(self, name: str, version: str) -> None:
        """Delete a job; the database deletes its public endpoints and permissions with it."""
        statement = delete(JobRow).where(JobRow.name == name, JobRow.version == version)
        execute_counting(self._session, statement)
        self._session.expire_all()

    def mark_abandoned_as_lost(self) -> list[JobDto]:
        """Mark as lost the jobs that have never served and have no open deployment, and return them.

        A sync may find them again.
        """
        at_work = select(DeploymentRow.id).where(
            DeploymentRow.status == DeploymentStatus.IN_PROGRESS,
            DeploymentRow.job_name == JobRow.name,
            DeploymentRow.job_version == JobRow.version,
        )
        query = select(JobRow).where(
            JobRow.status == JobStatus.STARTING,
            JobRow.internal_name.is_(None),
            ~at_work.exists(),
        )
        rows = self._session.scalars(query).all()
        for row in rows:
            row.status = JobStatus.LOST
        self._session.flush()
        return [_to_dto(row) for row in rows]

    def set_manifest(self, name: str, version: str, manifest_yaml: str) -> None:
        """Replace the manifest, which the next redeploy uses; raises EntityNotFound."""
        row = require_found(self._find_row(name, version), f"there is no job {name} {version}")
        row.manifest = manifest_yaml
        self._session.flush()

    def _find_row(self, name: str, version: str) -> JobRow | None:
        query = select(JobRow).where(JobRow.name == name, JobRow.version == version)
        return self._session.scalars(query).one_or_none()

    def _list(self, query: Select[JobRow]) -> list[JobDto]:
        return [_to_dto(row) for row in self._session.scalars(query)]

    def _get_family_id(self, name: str) -> str:
        insert_if_absent(self._session, JobFamilyRow, {"id": str(uuid4()), "name": name}, "name")
        query = select(JobFamilyRow.id).where(JobFamilyRow.name == name)
        return self._session.scalars(query).one()


class FamilyRepository:
    """The rows of `registry_jobfamily`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list_all(self) -> list[JobFamilyDto]:
        """List all families by name."""
        rows = self._session.scalars(select(JobFamilyRow).order_by(JobFamilyRow.name))
        return [JobFamilyDto.model_validate(row) for row in rows]

    def find(self, name: str) -> JobFamilyDto | None:
        """Return the family of that name, or None."""
        row = self._session.scalar(select(JobFamilyRow).where(JobFamilyRow.name == name))
        return JobFamilyDto.model_validate(row) if row else None

    def get(self, name: str) -> JobFamilyDto:
        """Return the family of that name; raises EntityNotFound."""
        return require_found(self.find(name), f"there is no job family {name}")

    def get_or_add(self, name: str) -> JobFamilyDto:
        """Return the family of that name; add it when there is none."""
        family = self.find(name)
        if family is not None:
            return family
        row = JobFamilyRow(name=name)
        self._session.add(row)
        self._session.flush()
        return JobFamilyDto.model_validate(row)


class VersionPinRepository:
    """The rows of `registry_versionpin`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_version(self, job_name: str) -> str | None:
        """Return the version that the aliases of a family mean, or None when that is the highest one."""
        row = self._session.get(VersionPinRow, job_name)
        return row.version if row else None

    def list_all(self) -> set[tuple[str, str]]:
        """Return the name and version of each pinned job."""
        pins = self._session.execute(select(VersionPinRow.job_name, VersionPinRow.version))
        return {(job_name, version) for job_name, version in pins}

    def save(self, job_name: str, version: str) -> None:
        """Make the aliases of a family mean this version."""
        self._session.merge(VersionPinRow(job_name=job_name, version=version))
        self._session.flush()

    def remove(self, job_name: str) -> None:
        """Make the aliases of a family mean the highest version again."""
        self._session.execute(delete(VersionPinRow).where(VersionPinRow.job_name == job_name))
        self._session.expire_all()


class TrashRepository:
    """The rows of `registry_trashjob`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def has_job(self, job_name: str, job_version: str) -> bool:
        """Return whether a deleted job reserves that name and version."""
        condition = (TrashJobRow.name == job_name) & (TrashJobRow.version == job_version)
        return bool(self._session.scalar(select(exists().where(condition))))

    def has_family(self, job_name: str) -> bool:
        """Return whether any version of a family was deleted."""
        return bool(self._session.scalar(select(exists().where(TrashJobRow.name == job_name))))

    def add(self, job: JobDto, now: datetime) -> None:
        """Store the last state of a job that is being deleted."""
        row = TrashJobRow(
            **job.model_dump(include=_KEPT_IN_TRASH),
            manifest=job.manifest_yaml,
            create_time=_to_datetime(job.create_time),
            update_time=_to_datetime(job.update_time),
            delete_time=now,
            last_call_time=_to_datetime(job.last_call_time) if job.last_call_time else None,
            age_days=round((now.timestamp() - job.create_time) / _SECONDS_A_DAY, 3),
        )
        self._session.merge(row)
        self._session.flush()


class JobSecretRepository:
    """The rows of `registry_jobsecret`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, name: str, version: str) -> bytes | None:
        """Return the encrypted secrets of a job, or None."""
        row = self._session.get(JobSecretRow, (name, version))
        return row.content if row else None

    def save(self, name: str, version: str, content: bytes) -> None:
        """Insert or replace the encrypted secrets of a job."""
        self._session.merge(JobSecretRow(name=name, version=version, content=content))
        self._session.flush()

    def remove(self, name: str, version: str) -> None:
        """Delete the secrets of a job; nothing happens when it has none."""
        statement = delete(JobSecretRow).where(
            JobSecretRow.name == name, JobSecretRow.version == version
        )
        self._session.execute(statement)


def _to_dto(row: JobRow) -> JobDto:
    return _to_state(row).model_copy(update={"manifest": parse_stored_manifest(row.manifest)})


@cache
def _select_states() -> Select[Any]:
    """Select columns, because thousands of rows with an identity in the session take longer."""
    return select(*(getattr(JobRow, name) for name in (*_COLUMNS_AS_IN_DTO, *_OTHER_COLUMNS)))


@cache
def _select_changed_states(dialect: str) -> Select[Any]:
    return select_since(
        dialect, [getattr(JobRow, name) for name in (*_COLUMNS_AS_IN_DTO, *_OTHER_COLUMNS)]
    )


def _to_state(row: JobRow | Row[Any]) -> JobDto:
    values: dict[str, Any] = {column: getattr(row, column) for column in _COLUMNS_AS_IN_DTO}
    return JobDto(
        **values | {"infrastructure_stats": row.infrastructure_stats or {}},
        id=row.id,
        name=row.name,
        version=row.version,
        status=JobStatus(row.status),
        create_time=row.create_time,
        update_time=row.update_time,
        last_call_time=row.last_call_time,
        manifest_yaml=row.manifest,
    )


def _to_datetime(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
