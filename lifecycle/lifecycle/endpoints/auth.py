"""Routes of tokens and permissions."""

from fastapi import APIRouter, Response
from pydantic import BaseModel
from racetrack_commons.auth.scope import AuthScope, AuthSubjectType

from lifecycle.endpoints.cookies import set_auth_cookie
from lifecycle.endpoints.dependencies import (
    Administrator,
    ServicesDep,
    UnitOfWorkDep,
    UserSubject,
)

router = APIRouter(prefix="/api/v1/auth", tags=["API"])


class TokenPayload(BaseModel):
    """A token."""

    token: str


class NewTokenPayload(BaseModel):
    """The token that replaces all others."""

    new_token: str


@router.post("/allow/esc/{esc_id}/job/{job_name}/scope/{scope}")
def allow_esc(
    esc_id: str, job_name: str, scope: AuthScope, _: Administrator, uow: UnitOfWorkDep
) -> None:
    """Grant an ESC a scope on all versions of a job."""
    subject = uow.auth_subjects.ensure_of_esc(uow.escs.get(esc_id).id)
    uow.permissions.grant(subject.id, scope, job_family_id=uow.families.get(job_name).id)


@router.post("/allow/job_family/{source_family_name}/job/{target_family_name}/scope/{scope}")
def allow_job_family(
    source_family_name: str,
    target_family_name: str,
    scope: AuthScope,
    _: Administrator,
    services: ServicesDep,
    uow: UnitOfWorkDep,
) -> None:
    """Grant the jobs of one family a scope on all versions of another."""
    source = uow.families.get(source_family_name)
    target = uow.families.get(target_family_name)
    subject = uow.auth_subjects.ensure_of_family(source.id or "")
    services.tokens.ensure(uow, subject)
    uow.permissions.grant(subject.id, scope, job_family_id=target.id)


@router.get("/token/esc/{esc_id}")
def get_esc_token(
    esc_id: str, _: Administrator, services: ServicesDep, uow: UnitOfWorkDep
) -> TokenPayload:
    """Show a token of an ESC, created if it has none."""
    subject = uow.auth_subjects.ensure_of_esc(uow.escs.get(esc_id).id)
    return TokenPayload(token=services.tokens.ensure(uow, subject))


@router.post("/token/user/regenerate")
def regenerate_own_tokens(
    user: UserSubject, services: ServicesDep, uow: UnitOfWorkDep, response: Response
) -> NewTokenPayload:
    """Replace all tokens of the user who calls."""
    subject = uow.auth_subjects.get(user.id or "")
    services.tokens.regenerate(uow, subject)
    token = services.tokens.ensure(uow, subject)
    set_auth_cookie(response, token, services.config)
    return NewTokenPayload(new_token=token)


@router.post("/token/user/all/regenerate")
def regenerate_user_tokens(_: Administrator, services: ServicesDep, uow: UnitOfWorkDep) -> None:
    """Replace the tokens of all users."""
    services.tokens.regenerate_all(uow, AuthSubjectType.USER)


@router.post("/token/job_family/regenerate")
def regenerate_family_tokens(_: Administrator, services: ServicesDep, uow: UnitOfWorkDep) -> None:
    """Replace the tokens of all job families; jobs use theirs until they are deployed again."""
    services.tokens.regenerate_all(uow, AuthSubjectType.JOB_FAMILY)


@router.post("/token/esc/regenerate")
def regenerate_esc_tokens(_: Administrator, services: ServicesDep, uow: UnitOfWorkDep) -> None:
    """Replace the tokens of all ESCs."""
    services.tokens.regenerate_all(uow, AuthSubjectType.ESC)
