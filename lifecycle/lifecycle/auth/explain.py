"""Explanations of decisions about jobs: the rules that decide, asked in the same order as for a request."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from racetrack_client.entities import AuthScope
from racetrack_commons.entities.dto import JobDto

from lifecycle.auth.authenticate import find_account_fault, find_token_fault, make_subject
from lifecycle.auth.authorize import (
    NO_TOKEN_DEMANDED,
    decide_endpoint,
    decide_job,
    decide_without_caller,
)
from lifecycle.auth.permissions import AccessDecision, Effect, Rule, decide
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.auth import AuthSubjectDto
from lifecycle.maintenance import is_maintenance_mode


@dataclass(frozen=True)
class AccessQuestion:
    """A question whether a holder has a scope on a job or one of its endpoints."""

    holder: AuthSubjectDto
    scope: AuthScope
    job_name: str
    job_version: str
    """The version as it was asked for, perhaps an alias."""
    job: JobDto | None
    """The job to which name and version resolve now; None if there is none."""
    endpoint: str | None = None
    """An endpoint with one leading slash; None means the job as a whole."""


def explain(
    uow: UnitOfWork, question: AccessQuestion, now: datetime, *, auth_required: bool
) -> AccessDecision:
    """Return the rules up to the one that decides; `auth_required` is the setting of that name."""
    return decide(_ask(uow, question, now, auth_required=auth_required))


def _ask(
    uow: UnitOfWork, question: AccessQuestion, now: datetime, *, auth_required: bool
) -> Iterator[Rule]:
    if question.endpoint is not None and is_maintenance_mode(uow):
        yield Rule("maintenance", Effect.DENY, "nothing is called in maintenance mode")
    yield _describe_job(question)
    if question.job is not None and question.endpoint is not None:
        yield from decide_without_caller(uow, question.job, question.endpoint).rules
    if not auth_required:
        yield NO_TOKEN_DEMANDED
    yield from _ask_about_holder(uow, question.holder, now)
    yield from _ask_about_permissions(uow, question)


def _describe_job(question: AccessQuestion) -> Rule:
    if question.job is not None:
        return Rule("job", Effect.CONTINUE, f"it is about job {question.job}")
    asked = f"{question.job_name} {question.job_version}"
    if question.endpoint is not None:
        return Rule("job", Effect.DENY, f"there is no job {asked}")
    reason = f"there is no job {asked}: only permissions on its family or on everything count"
    return Rule("job", Effect.CONTINUE, reason)


def _ask_about_holder(uow: UnitOfWork, holder: AuthSubjectDto, now: datetime) -> Iterator[Rule]:
    fault = find_account_fault(holder)
    if fault is not None:
        yield Rule("account", Effect.DENY, fault)
    faults = [find_token_fault(token, now) for token in uow.auth_tokens.list_of_subject(holder.id)]
    valid = faults.count(None)
    reason = f"{valid} of {len(faults)} tokens of {make_subject(holder).description} are valid"
    yield Rule("token", Effect.CONTINUE if valid else Effect.DENY, reason)


def _ask_about_permissions(uow: UnitOfWork, question: AccessQuestion) -> Iterator[Rule]:
    subject = make_subject(question.holder)
    if question.job is None or question.endpoint is None:
        decision = decide_job(uow, subject, question.scope, question.job_name, question.job)
    else:
        decision = decide_endpoint(uow, subject, question.scope, question.job, question.endpoint)
    yield from decision.rules
