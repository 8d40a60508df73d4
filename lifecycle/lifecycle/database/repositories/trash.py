"""Deleted jobs; each reserves its name and version."""

from datetime import UTC, datetime

from racetrack_commons.entities.dto import JobDto
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from lifecycle.database.tables import TrashJobRow

_SECONDS_A_DAY = 86400


class TrashRepository:
    """The rows of `registry_trashjob`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def has(self, job_name: str, job_version: str) -> bool:
        """Tell whether a job of that name and version was deleted once."""
        condition = (TrashJobRow.name == job_name) & (TrashJobRow.version == job_version)
        return bool(self._session.scalar(select(exists().where(condition))))

    def add(self, job: JobDto, now: datetime) -> None:
        """Keep what there is to know of a job that is being deleted."""
        row = TrashJobRow(
            id=job.id,
            name=job.name,
            version=job.version,
            status=job.status,
            create_time=_to_datetime(job.create_time),
            update_time=_to_datetime(job.update_time),
            delete_time=now,
            manifest=job.manifest_yaml,
            internal_name=job.internal_name,
            error=job.error,
            image_tag=job.image_tag,
            deployed_by=job.deployed_by,
            last_call_time=_to_datetime(job.last_call_time) if job.last_call_time else None,
            infrastructure_target=job.infrastructure_target,
            age_days=round((now.timestamp() - job.create_time) / _SECONDS_A_DAY, 3),
        )
        self._session.merge(row)
        self._session.flush()


def _to_datetime(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
