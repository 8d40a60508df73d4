"""Routes of permissions: who holds which, granting and taking back."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from racetrack_commons.auth.scope import AuthScope, AuthSubjectType

from lifecycle.auth.granting import Grant, grant, revoke
from lifecycle.auth.holders import get_holder, get_own_or_asked_holder
from lifecycle.auth.permissions import describe_permission
from lifecycle.database.dto import AuthSubjectDto, PermissionDto
from lifecycle.endpoints.committing_route import CommittingRoute
from lifecycle.endpoints.dependencies import (
    Administrator,
    KnownSubject,
    ReadingDep,
    ServicesDep,
    UnitOfWorkDep,
)

_HIGHEST_ID = 2**63 - 1
"""No database counts higher."""

router = APIRouter(prefix="/api/v1/auth/permissions", tags=["API"], route_class=CommittingRoute)


class NewPermissionPayload(BaseModel):
    """A permission to be; what is null does not limit it."""

    subject: str = Field(description="Name of a user, ESC or job family, or `esc:…`.")
    scope: AuthScope
    job_name: str | None = None
    job_version: str | None = Field(None, description="An exact one; null: all versions.")
    endpoint: str | None = None


class PermissionPayload(BaseModel):
    """A permission that somebody holds; what is null does not limit it."""

    id: int
    subject: str
    subject_type: AuthSubjectType
    scope: str
    job_name: str | None
    job_version: str | None
    endpoint: str | None
    description: str = Field(description="The same in words.")


@router.get("")
def list_permissions(
    caller: KnownSubject, uow: ReadingDep, subject: str | None = None
) -> list[PermissionPayload]:
    """List what the caller holds; administrators may ask about anybody."""
    holder = get_own_or_asked_holder(uow, caller, subject)
    held = uow.permissions.list_of_subject(holder.id)
    return [_to_payload(holder, permission) for permission in held]


@router.post("")
def grant_permission(
    payload: NewPermissionPayload, by: Administrator, services: ServicesDep, uow: UnitOfWorkDep
) -> PermissionPayload:
    """Grant a permission; one that is there already stays."""
    holder = get_holder(uow, payload.subject)
    wanted = Grant(payload.scope, payload.job_name, payload.job_version, payload.endpoint)
    return _to_payload(holder, grant(uow, holder, wanted, by, services.clock.now()))


@router.delete("/{permission_id}")
def revoke_permission(
    permission_id: Annotated[int, Path(le=_HIGHEST_ID)],
    by: Administrator,
    services: ServicesDep,
    uow: UnitOfWorkDep,
) -> None:
    """Take a permission back; PUB hears of it at once."""
    revoke(uow, permission_id, by, services.clock.now())


def _to_payload(holder: AuthSubjectDto, permission: PermissionDto) -> PermissionPayload:
    return PermissionPayload(
        id=permission.id or 0,
        subject=f"{holder.subject_type}:{holder.name}",
        subject_type=holder.subject_type,
        scope=permission.scope,
        job_name=permission.job_name or permission.job_family_name,
        job_version=permission.job_version,
        endpoint=permission.endpoint,
        description=describe_permission(permission),
    )
