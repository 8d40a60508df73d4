"""Pins: the aliases of a family mean an earlier version for a while, though there is a higher one."""

from datetime import datetime

from racetrack_client.log.errors import ValidationError
from racetrack_client.utils.semver import SemanticVersion
from racetrack_commons.entities.audit import AuditEventType
from racetrack_commons.entities.dto import ChangeKind, JobDto

from lifecycle.audit import AuditEvent, describe_change, write_event
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.maintenance import check_no_maintenance


def pin_version(uow: UnitOfWork, job: JobDto, executor: str, now: datetime) -> None:
    """Make `latest`, and patterns that match the job's version, mean this job; raise ValidationError for unstable versions."""
    check_no_maintenance(uow)
    version = SemanticVersion.find(job.version)
    if version is None or not version.is_stable:
        raise ValidationError(
            f"job {job} has no stable version: aliases never mean it, call it by its exact version"
        )
    _set_pin(uow, job.name, job.version, executor, now)


def release_pin(uow: UnitOfWork, job: JobDto, executor: str, now: datetime) -> None:
    """Make the aliases of the job's family mean the highest version again."""
    check_no_maintenance(uow)
    _set_pin(uow, job.name, None, executor, now)


def pass_pin_on(uow: UnitOfWork, deployed: JobDto) -> None:
    """Release the pin of a family when a new highest version is deployed, and move it to one in between.

    The aliases then mean what was deployed last. Versions below the pinned one leave the pin alone.
    """
    pinned = SemanticVersion.find(uow.version_pins.find_version(deployed.name) or "")
    version = SemanticVersion.find(deployed.version)
    if pinned is None or version is None or not version.is_stable or not pinned < version:
        return
    others = [SemanticVersion.find(job.version) for job in uow.jobs.list_family(deployed.name)]
    if any(other.is_stable and version < other for other in others if other):
        uow.version_pins.save(deployed.name, deployed.version)
    else:
        uow.version_pins.remove(deployed.name)


def forget_pin(uow: UnitOfWork, deleted: JobDto) -> None:
    """Release the pin of a family when it is on the job that is deleted."""
    if uow.version_pins.find_version(deleted.name) == deleted.version:
        uow.version_pins.remove(deleted.name)


def _set_pin(
    uow: UnitOfWork, job_name: str, version: str | None, executor: str, now: datetime
) -> None:
    before = uow.version_pins.find_version(job_name)
    if version == before:
        return
    if version is None:
        uow.version_pins.remove(job_name)
    else:
        uow.version_pins.save(job_name, version)
    event = AuditEvent(
        AuditEventType.LATEST_MOVED,
        executor=executor,
        job_name=job_name,
        job_version=version or before,
        properties=describe_change({"latest": before}, {"latest": version}),
    )
    write_event(uow, event, now)
    uow.record_change(ChangeKind.JOB, job_name)
