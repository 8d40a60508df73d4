"""Granting and revoking permissions."""

from dataclasses import dataclass
from datetime import datetime

from racetrack_client.entities import AuthScope
from racetrack_client.log.errors import EntityNotFound, ValidationError
from racetrack_commons.auth.endpoint_path import has_dot_segments
from racetrack_commons.entities.audit import AuditEventType
from racetrack_commons.entities.dto import JobDto

from lifecycle.audit import AuditEvent, write_event
from lifecycle.auth.authenticate import AuthSubject, make_subject
from lifecycle.auth.authorize import NotPermitted, has_global_scope
from lifecycle.auth.holders import ensure_holder
from lifecycle.auth.permissions import (
    PLATFORM_SCOPES,
    describe_dot_segments,
    describe_permission,
    normalize_endpoint,
)
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.auth import AuthSubjectDto, PermissionDto, PermissionLimits

_MAX_ENDPOINT_LENGTH = 256
_SCOPES_OF_ENDPOINTS = (AuthScope.CALL_JOB, AuthScope.FULL_ACCESS)


@dataclass(frozen=True)
class Grant:
    """A permission to grant: a scope and its limits; a field that is None sets no limit."""

    scope: AuthScope
    job_name: str | None = None
    job_version: str | None = None
    """An exact version; None means all versions, including future ones."""
    endpoint: str | None = None


def grant(
    uow: UnitOfWork, holder: AuthSubjectDto, wanted: Grant, by: AuthSubject, now: datetime
) -> PermissionDto:
    """Grant a permission to a holder and return it; a permission that exists already stays as it is."""
    _check_makes_sense(wanted)
    limits = _resolve_limits(uow, wanted)
    _check_may_hand_out(uow, by, wanted.scope, limits)
    holder = ensure_holder(uow, holder)
    present = uow.permissions.find(holder.id, wanted.scope, **limits)
    if present is not None:
        return present
    permission = uow.permissions.grant(holder.id, wanted.scope, **limits)
    _write_event(uow, AuditEventType.PERMISSION_GRANTED, holder, permission, by, now)
    return permission


def revoke(uow: UnitOfWork, permission_id: int, by: AuthSubject, now: datetime) -> None:
    """Revoke a permission."""
    permission = uow.permissions.get(permission_id)
    limits = PermissionLimits(
        job_family_id=permission.job_family_id,
        job_id=permission.job_id,
        endpoint=permission.endpoint,
    )
    _check_may_hand_out(uow, by, permission.scope, limits)
    holder = uow.auth_subjects.get(permission.auth_subject_id)
    uow.permissions.remove(permission_id)
    _write_event(uow, AuditEventType.PERMISSION_REVOKED, holder, permission, by, now)


def _resolve_limits(uow: UnitOfWork, wanted: Grant) -> PermissionLimits:
    limits = PermissionLimits()
    if wanted.endpoint is not None:
        limits["endpoint"] = _require_endpoint(wanted.endpoint)
    if wanted.job_version is not None:
        limits["job_id"] = _get_job(uow, wanted.job_name, wanted.job_version).id
    elif wanted.job_name:
        limits["job_family_id"] = uow.families.get(wanted.job_name).id
    return limits


def _check_makes_sense(wanted: Grant) -> None:
    if wanted.scope in PLATFORM_SCOPES and (wanted.job_name or wanted.endpoint):
        raise ValidationError(
            f"{wanted.scope} is about no job: it counts only when it is granted on everything"
        )
    if wanted.endpoint is not None and wanted.scope not in _SCOPES_OF_ENDPOINTS:
        raise ValidationError(f"{wanted.scope} can't be limited to an endpoint: only calls can")


def _get_job(uow: UnitOfWork, name: str | None, version: str) -> JobDto:
    if not name:
        raise ValidationError(f"name the job whose version {version} is meant")
    job = uow.jobs.find(name, version)
    if job is None:
        raise EntityNotFound(
            f"there is no job {name} {version}: name an exact version, or none for all versions"
        )
    return job


def _require_endpoint(text: str) -> str:
    if not text or not text.isprintable():
        raise ValidationError("name an endpoint such as /api/v1/perform, or none for all of them")
    endpoint = normalize_endpoint(text)
    if has_dot_segments(endpoint):
        raise ValidationError(describe_dot_segments(text))
    if len(endpoint) > _MAX_ENDPOINT_LENGTH:
        raise ValidationError(f"the endpoint may have {_MAX_ENDPOINT_LENGTH} characters at most")
    return endpoint


def _check_may_hand_out(
    uow: UnitOfWork, by: AuthSubject, scope: str, limits: PermissionLimits
) -> None:
    """A caller with only `call_admin_api` must not escalate its own rights or anyone else's, nor revoke full ones."""
    is_power = scope in (AuthScope.CALL_ADMIN_API, AuthScope.FULL_ACCESS)
    if not is_power or any(limits.values()):
        return
    if not has_global_scope(uow, by, AuthScope.FULL_ACCESS):
        raise NotPermitted(
            f"only who has full_access on everything hands out {scope} on everything"
        )


def _write_event(
    uow: UnitOfWork,
    event_type: AuditEventType,
    holder: AuthSubjectDto,
    permission: PermissionDto,
    by: AuthSubject,
    now: datetime,
) -> None:
    properties = {
        "holder": make_subject(holder).description,
        "permission": describe_permission(permission),
    }
    event = AuditEvent(event_type, by.name, owner=holder.name, properties=properties)
    write_event(uow, event, now)
