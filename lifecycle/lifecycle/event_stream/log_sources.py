"""Whose log a reader may follow, and where it comes from."""

from dataclasses import dataclass
from typing import Any

from racetrack_client.log.errors import ServiceUnavailable, ValidationError
from racetrack_commons.auth.scope import AuthScope
from racetrack_commons.entities.dto import JobDto

from lifecycle.auth.authenticate import Authenticator
from lifecycle.auth.authorize import check_job
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.event_stream.logs import FollowedLog
from lifecycle.infrastructure.registry import InfrastructureRegistry
from lifecycle.job.versions import check_found, find_job


@dataclass(frozen=True)
class LogSources:
    """Finds the logs that readers ask for."""

    unit_of_work: UnitOfWorkFactory
    infrastructure: InfrastructureRegistry
    authenticator: Authenticator
    allow_anonymous: bool
    """Older clients show no token when they follow a log."""

    def find(self, properties: Any, token: str | None) -> FollowedLog:
        """Find the log that `{"job_name": …, "job_version": …, "tail": …}` means."""
        if not isinstance(properties, dict) or not properties.get("job_name"):
            raise ValidationError("name the job: resource_properties must have job_name")
        name = str(properties["job_name"])
        version = str(properties.get("job_version") or "latest")
        tail = properties.get("tail")
        if tail is not None and not str(tail).isdecimal():
            raise ValidationError(f"tail must be a number of lines, not {tail!r}")
        job = self._find_job(name, version, token)
        return self.open(job, None if tail is None else str(tail))

    def open(self, job: JobDto, tail: str | None) -> FollowedLog:
        """Find the log of a job; ServiceUnavailable when its target can't follow logs."""
        streamer = self.infrastructure.get(job.infrastructure_target or "").logs_streamer
        if streamer is None:
            raise ServiceUnavailable(f"the infrastructure target of job {job} can't follow logs")
        return FollowedLog(job, streamer, tail, lambda: self._find_moved(job, tail))

    def _find_moved(self, job: JobDto, tail: str | None) -> FollowedLog | None:
        with self.unit_of_work.reading() as uow:
            now = uow.jobs.get(job.name, job.version)
        has_moved = now.infrastructure_target != job.infrastructure_target
        return self.open(now, tail) if has_moved else None

    def _find_job(self, name: str, version: str, token: str | None) -> JobDto:
        is_checked = bool(token) or not self.allow_anonymous
        subject = self.authenticator.authenticate(token) if is_checked else None
        with self.unit_of_work.reading() as uow:
            job = find_job(uow, name, version)
            if subject is not None:
                check_job(uow, subject, name, job, AuthScope.READ_JOB)
        return check_found(job, name, version)
