"""Pins: the aliases of a family mean an earlier version for a while, though there is a higher one."""

from dataclasses import dataclass
from datetime import datetime

from racetrack_client.log.errors import ValidationError
from racetrack_client.utils.semver import SemanticVersion
from racetrack_commons.entities.audit import AuditEventType
from racetrack_commons.entities.dto import ChangeKind, JobDto

from lifecycle.audit import AuditEvent, describe_change, write_event
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.maintenance import check_no_maintenance


@dataclass(frozen=True)
class LatestPins:
    """The pins of families, for a caller who sets and releases them."""

    uow: UnitOfWork
    executor: str
    now: datetime

    def pin(self, job: JobDto) -> None:
        """Make `latest`, and patterns that match the job's version, mean this job; raises ValidationError for unstable ones."""
        version = SemanticVersion.find(job.version)
        if version is None or not version.is_stable:
            raise ValidationError(
                f"job {job} has no stable version: aliases never mean it, call it by its exact version"
            )
        self._set(job.name, job.version)

    def release(self, job: JobDto) -> None:
        """Make the aliases of the job's family mean the highest version again."""
        self._set(job.name, None)

    def _set(self, job_name: str, version: str | None) -> None:
        check_no_maintenance(self.uow)
        before = self.uow.version_pins.find_version(job_name)
        if version == before:
            return
        if version is None:
            self.uow.version_pins.remove(job_name)
        else:
            self.uow.version_pins.save(job_name, version)
        event = AuditEvent(
            AuditEventType.LATEST_MOVED,
            executor=self.executor,
            job_name=job_name,
            job_version=version or before,
            properties=describe_change({"latest": before}, {"latest": version}),
        )
        write_event(self.uow, event, self.now)
        self.uow.record_change(ChangeKind.JOB, job_name)


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
