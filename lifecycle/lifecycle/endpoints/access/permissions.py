"""Routes of permissions: listing, granting, revoking, and explaining decisions."""

from typing import Annotated

from fastapi import Path, Query, Request, Response
from pydantic import BaseModel, Field, TypeAdapter
from racetrack_client.entities import AuthScope
from racetrack_commons.auth.token import AuthSubjectType

from lifecycle.auth.explain import AccessQuestion, explain
from lifecycle.auth.granting import Grant, grant, revoke
from lifecycle.auth.holders import (
    ensure_holder,
    get_esc_holder,
    get_family_holder,
    get_holder,
    get_own_or_asked_holder,
)
from lifecycle.auth.permissions import Effect, describe_permission, normalize_endpoint
from lifecycle.domain.auth import AuthSubjectDto, PermissionDto
from lifecycle.endpoints.dependencies import (
    Administrator,
    KnownSubject,
    ReadingDep,
    ServicesDep,
    UnitOfWorkDep,
    make_router,
)
from lifecycle.endpoints.lists.answers import ANSWERS, answer_models, cut_page
from lifecycle.endpoints.lists.queries import WantedPage
from lifecycle.job.versions import find_job, find_job_to_call

_HIGHEST_ID = 2**63 - 1
"""The highest id that a database can store."""
router = make_router("/api/v1/auth", "permissions")


class NewPermissionPayload(BaseModel):
    """A permission to grant; a field that is null sets no limit."""

    subject: str = Field(description="Name of a user, ESC or job family, or `esc:…`.")
    scope: AuthScope
    job_name: str | None = None
    job_version: str | None = Field(None, description="An exact one; null: all versions.")
    endpoint: str | None = None


class PermissionPayload(BaseModel):
    """A permission of a holder; a field that is null sets no limit."""

    id: int
    subject: str
    subject_type: AuthSubjectType
    subject_name: str = Field(description="The name that people know the holder by.")
    scope: str
    job_name: str | None
    job_version: str | None
    endpoint: str | None
    description: str = Field(description="The same in words.")


_PERMISSIONS = TypeAdapter(list[PermissionPayload])


class RulePayload(BaseModel):
    """The answer of one rule to the question."""

    rule: str
    effect: Effect
    reason: str


class ExplanationPayload(BaseModel):
    """A decision; the last of its rules decided."""

    subject: str
    subject_type: AuthSubjectType
    scope: AuthScope
    job_name: str
    job_version: str
    endpoint: str | None
    allowed: bool
    rules: list[RulePayload] = Field(description="In the order in which they are asked.")


class ExplainQuery(BaseModel):
    """A question whether a subject has a scope on a job."""

    subject: str | None = Field(
        None, description="Name of a user, ESC or job family, or `esc:…`; unset: the caller."
    )
    job: str
    version: str = "latest"
    endpoint: str | None = Field(None, description="Unset: it is about the job as a whole.")
    scope: AuthScope = AuthScope.CALL_JOB


@router.get("/permissions", response_model=list[PermissionPayload], responses=ANSWERS)
def list_permissions(
    caller: KnownSubject,
    wanted: WantedPage,
    uow: ReadingDep,
    request: Request,
    subject: str | None = None,
) -> Response:
    """List the permissions of the caller; administrators may ask about any subject."""
    holder = get_own_or_asked_holder(uow, caller, subject)
    held = [_to_payload(holder, each) for each in uow.permissions.list_of_subject(holder.id)]
    page = cut_page(held, wanted, lambda each: [each.subject, each.description])
    return answer_models(request, _PERMISSIONS, *page)


@router.get("/permissions/all", response_model=list[PermissionPayload], responses=ANSWERS)
def list_all_permissions(
    _: Administrator, wanted: WantedPage, uow: ReadingDep, request: Request
) -> Response:
    """List the permissions of all users, ESCs and job families, by the names of holders and jobs."""
    words, page = (wanted.words, wanted.page) if wanted else ((), None)
    found = uow.permissions.list_page(words, page)
    ids = {permission.auth_subject_id for permission in found}
    holders = {holder.id: holder for holder in uow.auth_subjects.list_by_ids(list(ids))}
    held = [_to_payload(holders[each.auth_subject_id], each) for each in found]
    total = uow.permissions.count(words) if wanted else None
    return answer_models(request, _PERMISSIONS, held, total)


@router.post("/permissions")
def grant_permission(
    payload: NewPermissionPayload, by: Administrator, services: ServicesDep, uow: UnitOfWorkDep
) -> PermissionPayload:
    """Grant a permission; one that exists already stays."""
    holder = get_holder(uow, payload.subject)
    wanted = Grant(payload.scope, payload.job_name, payload.job_version, payload.endpoint)
    return _to_payload(holder, grant(uow, holder, wanted, by, services.clock.now()))


@router.delete("/permissions/{permission_id:int}")
def revoke_permission(
    permission_id: Annotated[int, Path(le=_HIGHEST_ID)],
    by: Administrator,
    services: ServicesDep,
    uow: UnitOfWorkDep,
) -> None:
    """Revoke a permission; PUB learns of it at once."""
    revoke(uow, permission_id, by, services.clock.now())


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
    services.tokens.ensure_valid(uow, holder)
    grant(uow, holder, Grant(scope, target_family_name), by, services.clock.now())


@router.get("/explain")
def explain_decision(
    query: Annotated[ExplainQuery, Query()],
    caller: KnownSubject,
    services: ServicesDep,
    uow: ReadingDep,
) -> ExplanationPayload:
    """Show the rules that allow or deny a scope; administrators may ask about any subject."""
    find = find_job_to_call if query.scope is AuthScope.CALL_JOB else find_job
    job = find(uow, query.job, query.version)
    question = AccessQuestion(
        holder=get_own_or_asked_holder(uow, caller, query.subject),
        scope=query.scope,
        job_name=query.job,
        job_version=query.version,
        job=job,
        endpoint=None if query.endpoint is None else normalize_endpoint(query.endpoint),
    )
    required = services.config.auth_required
    decision = explain(uow, question, services.clock.now(), auth_required=required)
    return ExplanationPayload(
        subject=question.holder.display_name,
        subject_type=question.holder.subject_type,
        scope=question.scope,
        job_name=question.job_name,
        job_version=job.version if job else question.job_version,
        endpoint=question.endpoint,
        allowed=decision.is_allowed,
        rules=[
            RulePayload(rule=rule.name, effect=rule.effect, reason=rule.reason)
            for rule in decision.rules
        ],
    )


def _to_payload(holder: AuthSubjectDto, permission: PermissionDto) -> PermissionPayload:
    return PermissionPayload(
        id=permission.id or 0,
        subject=f"{holder.subject_type}:{holder.name}",
        subject_type=holder.subject_type,
        subject_name=holder.display_name,
        scope=permission.scope,
        job_name=permission.job_name or permission.job_family_name,
        job_version=permission.job_version,
        endpoint=permission.endpoint,
        description=describe_permission(permission),
    )
