"""New job families, and the rights of the subject whose deployment makes one."""

from racetrack_client.entities import AuthScope
from racetrack_commons.entities.dto import JobDto

from lifecycle.database.unit_of_work import UnitOfWork


def is_new_family(uow: UnitOfWork, name: str, version: str = "", subject_id: str = "") -> bool:
    """Return whether no job of a family but this version has served, and no subject but this one has rights on it.

    The row of a family may be there before its first job: a deployment that failed leaves it, and staff can make it.
    """
    family = uow.families.find(name)
    if family is None:
        return True
    others = [job for job in uow.jobs.list_family(name) if job.version != version]
    if any(not job.is_first_start for job in others) or uow.trash.has_family(name):
        return False
    return not uow.permissions.is_any_about(family.id or "", but_of=subject_id)


def grant_new_family(uow: UnitOfWork, job: JobDto, subject_id: str) -> None:
    """Let the subject that deployed the first job of a family deploy all its versions."""
    if is_new_family(uow, job.name, job.version, subject_id):
        family = uow.families.get_or_add(job.name)
        uow.permissions.grant(subject_id, AuthScope.DEPLOY_JOB, job_family_id=family.id)
