"""The subjects that have a scope on a job, each with the permissions and settings that give it."""

from collections.abc import Iterator

from racetrack_client.entities import AuthScope
from racetrack_commons.auth.token import AuthSubjectType
from racetrack_commons.entities.access import (
    AccessReason,
    AccessReasonKind,
    CallerKind,
    PermittedCaller,
)
from racetrack_commons.entities.dto import JobDto

from lifecycle.auth.authenticate import AuthSubject
from lifecycle.auth.authorize import NO_TOKEN_DEMANDED, decide_job
from lifecycle.auth.permissions import (
    Wanted,
    describe_permission,
    find_mismatch,
    is_below,
    normalize_endpoint,
)
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.auth import AuthSubjectDto, PermissionDto


def can_see_callers(uow: UnitOfWork, subject: AuthSubject, job: JobDto) -> bool:
    """Return whether the caller sees all subjects that may use a job: it may deploy the job, or is staff."""
    if decide_job(uow, subject, AuthScope.DEPLOY_JOB, job.name, job).is_allowed:
        return True
    is_user = subject.subject_type is AuthSubjectType.USER
    user = uow.users.find(subject.name) if is_user else None
    return user is not None and user.is_staff


def list_callers(uow: UnitOfWork, wanted: Wanted, job: JobDto) -> list[PermittedCaller]:
    """List the active subjects with a permission; without an endpoint, those with a permission on any endpoint, too."""
    scopes = (wanted.scope, AuthScope.FULL_ACCESS)
    granted = uow.permissions.list_on_job(scopes, job.name, job.version)
    reasons: dict[str, list[AccessReason]] = {}
    for permission in granted:
        if _covers(permission, wanted):
            reasons.setdefault(permission.auth_subject_id, []).append(_explain(permission))
    holders = [each for each in uow.auth_subjects.list_by_ids(list(reasons)) if each.is_active]
    callers = [_make_caller(holder, reasons[holder.id]) for holder in holders]
    return sorted(callers, key=lambda caller: (caller.kind, caller.display_name, caller.name))


def list_open_callers(
    uow: UnitOfWork, wanted: Wanted, job: JobDto, *, auth_required: bool
) -> list[PermittedCaller]:
    """List anyone, if public endpoints or the setting `auth_required` let callers without a token in."""
    reasons = list(_list_public_reasons(uow, wanted, job))
    if not auth_required:
        kind = AccessReasonKind.NO_TOKEN_DEMANDED
        reasons.append(AccessReason(kind=kind, description=NO_TOKEN_DEMANDED.reason))
    if not reasons:
        return []
    anyone = {"kind": CallerKind.ANYONE, "name": "", "display_name": "anyone"}
    return [PermittedCaller(**anyone, reasons=reasons)]


def _list_public_reasons(uow: UnitOfWork, wanted: Wanted, job: JobDto) -> Iterator[AccessReason]:
    if wanted.scope is not AuthScope.CALL_JOB:
        return
    for public in uow.public_endpoints.list_active(job.name, job.version):
        if wanted.endpoint is None or is_below(wanted.endpoint, public):
            yield AccessReason(
                kind=AccessReasonKind.PUBLIC_ENDPOINT,
                description=f"{public} is a public endpoint of job {job}",
                endpoint=public,
            )


def _covers(permission: PermissionDto, wanted: Wanted) -> bool:
    endpoint = wanted.endpoint
    if endpoint is None and permission.endpoint is not None:
        endpoint = normalize_endpoint(permission.endpoint)
    return (
        find_mismatch(permission, Wanted(wanted.scope, wanted.job_name, wanted.job, endpoint))
        is None
    )


def _explain(permission: PermissionDto) -> AccessReason:
    is_full = permission.scope == AuthScope.FULL_ACCESS
    return AccessReason(
        kind=AccessReasonKind.FULL_ACCESS if is_full else AccessReasonKind.PERMISSION,
        description=describe_permission(permission),
        endpoint=permission.endpoint,
        permission_id=permission.id,
    )


def _make_caller(holder: AuthSubjectDto, reasons: list[AccessReason]) -> PermittedCaller:
    return PermittedCaller(
        kind=CallerKind(holder.subject_type),
        name=holder.name,
        display_name=holder.display_name,
        reasons=reasons,
    )
