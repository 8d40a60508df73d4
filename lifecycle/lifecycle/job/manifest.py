"""Editing the manifest of a deployed job."""

from datetime import datetime

from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest import Manifest
from racetrack_client.manifest.validate import parse_manifest
from racetrack_client.utils.datamodel import load_yaml_map
from racetrack_commons.entities.audit import AuditEventType
from racetrack_commons.entities.dto import ChangeKind, JobDto

from lifecycle.audit import AuditEvent, describe_change, write_event
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.maintenance import check_no_maintenance


def edit_manifest(
    uow: UnitOfWork, job: JobDto, manifest_yaml: str, executor: str, now: datetime
) -> Manifest:
    """Store a manifest as it was written, and return it; the next redeployment uses it.

    Raise ManifestError with all errors of the manifest, ValidationError when it belongs to another
    job, UnderMaintenance, and EntityNotFound when the job is gone.
    """
    manifest = parse_manifest(load_yaml_map(manifest_yaml))
    if (manifest.name, manifest.version) != (job.name, job.version):
        raise ValidationError(
            f"the manifest is of {manifest.name} {manifest.version}, but the job is {job}:"
            " name and version of a job can't change"
        )
    check_no_maintenance(uow)
    present = uow.jobs.get(job.name, job.version)
    uow.jobs.set_manifest(job.name, job.version, manifest_yaml)
    change = describe_change({"manifest": present.manifest_yaml}, {"manifest": manifest_yaml})
    write_event(
        uow, AuditEvent.about_job(AuditEventType.MANIFEST_EDITED, executor, job, change), now
    )
    uow.record_change(ChangeKind.JOB, job.name)
    return manifest
