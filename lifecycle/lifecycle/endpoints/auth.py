"""Routes of the contract that hand out tokens and permissions."""

from fastapi import APIRouter, Response
from pydantic import BaseModel
from racetrack_commons.auth.scope import AuthScope, AuthSubjectType

from lifecycle.auth.granting import Grant, ensure_holder, grant
from lifecycle.auth.holders import get_esc_holder, get_family_holder
from lifecycle.endpoints.committing_route import CommittingRoute
from lifecycle.endpoints.cookies import set_auth_cookie
from lifecycle.endpoints.dependencies import (
    Administrator,
    ServicesDep,
    UnitOfWorkDep,
    UserSubject,
)

router = APIRouter(prefix="/api/v1/auth", tags=["API"], route_class=CommittingRoute)


class TokenPayload(BaseModel):
    """A token."""

    token: str


class NewTokenPayload(BaseModel):
    """The token that replaces all others."""

    new_token: str


@router.post("/allow/esc/{esc_id}/job/{job_name}/scope/{scope}")
def allow_esc(
    esc_id: str,
    job_name: str,
    scope: AuthScope,
    by: Administrator,
    services: ServicesDep,
    uow: UnitOfWorkDep,
) -> None:
    """Grant an ESC a scope on all versions of a job."""
    grant(uow, get_esc_holder(uow, esc_id), Grant(scope, job_name), by, services.clock.now())


@router.post("/allow/job_family/{source_family_name}/job/{target_family_name}/scope/{scope}")
def allow_job_family(
    source_family_name: str,
    target_family_name: str,
    scope: AuthScope,
    by: Administrator,
    services: ServicesDep,
    uow: UnitOfWorkDep,
) -> None:
    """Grant the jobs of one family a scope on all versions of another."""
    holder = ensure_holder(uow, get_family_holder(uow, source_family_name))
    services.tokens.ensure(uow, holder)
    grant(uow, holder, Grant(scope, target_family_name), by, services.clock.now())


@router.get("/token/esc/{esc_id}")
def get_esc_token(
    esc_id: str, _: Administrator, services: ServicesDep, uow: UnitOfWorkDep
) -> TokenPayload:
    """Show a token of an ESC, created if it has none."""
    holder = ensure_holder(uow, get_esc_holder(uow, esc_id))
    return TokenPayload(token=services.tokens.ensure(uow, holder))


@router.post("/token/user/regenerate")
def regenerate_own_tokens(
    user: UserSubject, services: ServicesDep, uow: UnitOfWorkDep, response: Response
) -> NewTokenPayload:
    """Replace all tokens of the user who calls."""
    holder = uow.auth_subjects.get(user.id or "")
    token = services.tokens.regenerate(uow, holder, user)
    set_auth_cookie(response, token, services.config)
    return NewTokenPayload(new_token=token)


@router.post("/token/user/all/regenerate")
def regenerate_user_tokens(by: Administrator, services: ServicesDep, uow: UnitOfWorkDep) -> None:
    """Replace the tokens of all users."""
    services.tokens.regenerate_all(uow, AuthSubjectType.USER, by)


@router.post("/token/job_family/regenerate")
def regenerate_family_tokens(by: Administrator, services: ServicesDep, uow: UnitOfWorkDep) -> None:
    """Replace the tokens of all job families; jobs use theirs until they are deployed again."""
    services.tokens.regenerate_all(uow, AuthSubjectType.JOB_FAMILY, by)


@router.post("/token/esc/regenerate")
def regenerate_esc_tokens(by: Administrator, services: ServicesDep, uow: UnitOfWorkDep) -> None:
    """Replace the tokens of all ESCs."""
    services.tokens.regenerate_all(uow, AuthSubjectType.ESC, by)
