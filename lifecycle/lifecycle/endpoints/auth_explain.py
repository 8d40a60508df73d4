"""The route that tells why somebody may do something, or may not."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from racetrack_commons.auth.scope import AuthScope, AuthSubjectType

from lifecycle.auth.decision import Effect
from lifecycle.auth.endpoint_path import normalize_endpoint
from lifecycle.auth.explain import Question, explain
from lifecycle.auth.holders import get_own_or_asked_holder
from lifecycle.endpoints.dependencies import KnownSubject, ReadingDep, ServicesDep
from lifecycle.job.versions import find_job, find_job_to_call

router = APIRouter(prefix="/api/v1/auth", tags=["API"])


class RulePayload(BaseModel):
    """One rule, as it met the question."""

    rule: str
    effect: Effect
    reason: str


class ExplanationPayload(BaseModel):
    """What was decided; the last rule did."""

    subject: str
    subject_type: AuthSubjectType
    scope: AuthScope
    job_name: str
    job_version: str
    endpoint: str | None
    allowed: bool
    rules: list[RulePayload] = Field(description="In the order in which they are asked.")


class ExplainQuery(BaseModel):
    """May the subject do something to a job?"""

    subject: str | None = Field(
        None, description="Name of a user, ESC or job family, or `esc:…`; unset: the caller."
    )
    job: str
    version: str = "latest"
    endpoint: str | None = Field(None, description="Unset: it is about the job as a whole.")
    scope: AuthScope = AuthScope.CALL_JOB


@router.get("/explain")
def explain_decision(
    query: Annotated[ExplainQuery, Query()],
    caller: KnownSubject,
    services: ServicesDep,
    uow: ReadingDep,
) -> ExplanationPayload:
    """Tell the rules that allow somebody something, or deny it; administrators may ask about anybody."""
    find = find_job_to_call if query.scope is AuthScope.CALL_JOB else find_job
    job = find(uow, query.job, query.version)
    question = Question(
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
