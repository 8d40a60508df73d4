"""What a caller may do: permissions against scopes, jobs and endpoints."""

from collections.abc import Iterable, Sequence

from racetrack_client.log.errors import UnauthorizedError
from racetrack_commons.auth.scope import AuthScope
from racetrack_commons.entities.dto import JobDto, JobFamilyDto

from lifecycle.auth.authenticate import AuthSubject
from lifecycle.database.dto import PermissionDto
from lifecycle.database.unit_of_work import UnitOfWork

_PLATFORM_SCOPES = {AuthScope.CALL_ADMIN_API, AuthScope.DEPLOY_NEW_FAMILY}
"""Scopes about no job: a permission that is limited to some job does not contain them."""


class NotPermitted(UnauthorizedError):
    """The caller is known, but may not do this."""


def check_internal_unlimited(subject: AuthSubject) -> None:
    """Refuse a service whose token is limited to scopes, where no scope is asked for."""
    if subject.payload is not None and not subject.payload.allows(None):
        raise NotPermitted(f"the token of service {subject.name} is limited to other scopes")


def check_scope(uow: UnitOfWork, subject: AuthSubject, scope: AuthScope) -> None:
    """Refuse a caller without any permission of that scope."""
    if not has_scope(uow, subject, scope):
        raise NotPermitted(f"{_describe(subject)} lacks the permission {scope}")


def has_scope(uow: UnitOfWork, subject: AuthSubject, scope: AuthScope) -> bool:
    """Tell whether the caller has the scope, on something at least."""
    unlimited = _has_unlimited(subject, scope)
    if unlimited is not None:
        return unlimited
    return permits_scope(_list_permissions(uow, subject), scope)


def check_job(
    uow: UnitOfWork, subject: AuthSubject, job_name: str, job: JobDto | None, scope: AuthScope
) -> None:
    """Refuse a caller who may not do this to the job; None: a version that does not exist yet."""
    unlimited = _has_unlimited(subject, scope)
    if unlimited or (
        unlimited is None and permits_job(_list_permissions(uow, subject), scope, job_name, job)
    ):
        return
    what = str(job) if job else job_name
    raise NotPermitted(f"{_describe(subject)} lacks the permission {scope} on job {what}")


def check_endpoint(
    uow: UnitOfWork, subject: AuthSubject, job: JobDto, endpoint: str, scope: AuthScope
) -> None:
    """Refuse a caller who may not call this endpoint (`/api/v1/perform`) of the job."""
    unlimited = _has_unlimited(subject, scope)
    if unlimited:
        return
    if unlimited is None:
        for permission in _list_permissions(uow, subject):
            if _permits_endpoint(permission, endpoint) and permits_job(
                [permission], scope, job.name, job
            ):
                return
    raise NotPermitted(
        f"{_describe(subject)} lacks the permission {scope} on endpoint {endpoint} of job {job}"
    )


def list_permitted_jobs(
    uow: UnitOfWork, subject: AuthSubject, scope: AuthScope, jobs: Iterable[JobDto]
) -> list[JobDto]:
    """Keep the jobs that the caller may do this to."""
    if _has_unlimited(subject, scope):
        return list(jobs)
    permissions = _list_permissions(uow, subject)
    return [job for job in jobs if permits_job(permissions, scope, job.name, job)]


def list_permitted_families(
    uow: UnitOfWork, subject: AuthSubject, scope: AuthScope, families: Iterable[JobFamilyDto]
) -> list[JobFamilyDto]:
    """Keep the families that the caller may do this to; single jobs don't show their family."""
    if _has_unlimited(subject, scope):
        return list(families)
    permissions = _list_permissions(uow, subject)
    return [family for family in families if permits_job(permissions, scope, family.name, None)]


def has_global_scope(uow: UnitOfWork, subject: AuthSubject, scope: AuthScope) -> bool:
    """Tell whether the caller has the scope on everything."""
    unlimited = _has_unlimited(subject, scope)
    if unlimited is not None:
        return unlimited
    return any(
        _is_global(permission) and _grants(permission, scope)
        for permission in _list_permissions(uow, subject)
    )


def permits_scope(permissions: Sequence[PermissionDto], scope: AuthScope) -> bool:
    """Tell whether one of the permissions contains the scope."""
    return any(
        _grants(permission, scope)
        and (scope not in _PLATFORM_SCOPES or _is_unrestricted(permission))
        for permission in permissions
    )


def permits_job(
    permissions: Sequence[PermissionDto], scope: AuthScope, job_name: str, job: JobDto | None
) -> bool:
    """Tell whether one of the permissions contains the scope on that job, or on a new version."""
    job_id = job.id if job else None
    return any(
        _grants(permission, scope)
        and (permission.job_family_id is None or permission.job_family_name == job_name)
        and (permission.job_id is None or permission.job_id == job_id)
        for permission in permissions
    )


def _permits_endpoint(permission: PermissionDto, endpoint: str) -> bool:
    return permission.endpoint is None or permission.endpoint == endpoint


def _grants(permission: PermissionDto, scope: AuthScope) -> bool:
    return permission.scope in (scope, AuthScope.FULL_ACCESS)


def _is_global(permission: PermissionDto) -> bool:
    return permission.job_family_id is None and permission.job_id is None


def _is_unrestricted(permission: PermissionDto) -> bool:
    return _is_global(permission) and permission.endpoint is None


def _has_unlimited(subject: AuthSubject, scope: AuthScope) -> bool | None:
    """Decide for callers without stored permissions; None: their permissions decide."""
    if subject.is_anonymous:
        return True
    if subject.payload is not None:
        return subject.payload.allows(scope)
    return None


def _list_permissions(uow: UnitOfWork, subject: AuthSubject) -> list[PermissionDto]:
    return uow.permissions.list_of_subject(subject.id) if subject.id else []


def _describe(subject: AuthSubject) -> str:
    return subject.caller or f"service {subject.name}"
