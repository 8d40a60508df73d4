"""Authorization: decisions about the scopes that a caller has on jobs and endpoints."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from racetrack_client.entities import AuthScope
from racetrack_client.log.errors import UnauthorizedError
from racetrack_commons.auth.endpoint_path import has_dot_segments
from racetrack_commons.auth.token import AuthSubjectType
from racetrack_commons.entities.dto import DeploymentDto, JobDto, JobFamilyDto

from lifecycle.auth.authenticate import AuthSubject
from lifecycle.auth.permissions import (
    PLATFORM_SCOPES,
    AccessDecision,
    Effect,
    Rule,
    Wanted,
    decide,
    describe_dot_segments,
    describe_permission,
    find_mismatch,
    grants,
    is_below,
    permits,
)
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.auth import PermissionDto, Sight

NO_TOKEN_DEMANDED = Rule("auth_required", Effect.ALLOW, "no token is demanded here: anybody may")
_Item = TypeVar("_Item", JobDto, JobFamilyDto)
_PROBES = {"/live", "/ready", "/health"}


class NotPermitted(UnauthorizedError):
    """The caller is known, but may not do this."""


def check_internal_unlimited(subject: AuthSubject) -> None:
    """Refuse services whose token is limited to scopes, on routes that ask for no scope."""
    if subject.is_unlimited or subject.payload is None or subject.payload.allows(None):
        return
    raise NotPermitted(f"the token of service {subject.name} is limited to other scopes")


def is_gateway(subject: AuthSubject) -> bool:
    """Return whether the caller is a service that passes calls on: its token names `call_job`, or has no limit."""
    return subject.payload is not None and subject.payload.allows(AuthScope.CALL_JOB)


def check_scope(uow: UnitOfWork, subject: AuthSubject, scope: AuthScope) -> None:
    """Refuse callers without any permission of the scope."""
    if not has_scope(uow, subject, scope):
        check_allowed(AccessDecision((_refuse(subject, Wanted(scope)),)))


def has_scope(uow: UnitOfWork, subject: AuthSubject, scope: AuthScope) -> bool:
    """Return whether the caller has the scope on at least one job or endpoint."""
    if scope in PLATFORM_SCOPES:
        return has_global_scope(uow, subject, scope)
    special = _decide_without_permissions(subject, scope)
    if special is not None:
        return special.effect is Effect.ALLOW
    return any(grants(permission, scope) for permission in _list_permissions(uow, subject))


def has_global_scope(uow: UnitOfWork, subject: AuthSubject, scope: AuthScope) -> bool:
    """Return whether the caller has the scope on everything."""
    return decide(_ask(uow, subject, Wanted(scope))).is_allowed


def list_global_scopes(uow: UnitOfWork, subject: AuthSubject) -> list[AuthScope]:
    """List the scopes that the caller has on everything."""
    permissions = _list_permissions(uow, subject)
    return [scope for scope in AuthScope if _may(subject, permissions, Wanted(scope))]


def get_sight(uow: UnitOfWork, subject: AuthSubject, scope: AuthScope) -> Sight:
    """Return the jobs on which the caller has the scope, as a condition for queries."""
    return Sight(scope, has_global_scope(uow, subject, scope), subject.id)


def check_job(
    uow: UnitOfWork, subject: AuthSubject, job_name: str, job: JobDto | None, scope: AuthScope
) -> None:
    """Refuse callers without the scope on the job; `job` is None for a version that does not exist yet."""
    check_allowed(decide_job(uow, subject, scope, job_name, job))


def check_reads_family(uow: UnitOfWork, subject: AuthSubject, job_name: str) -> None:
    """Refuse callers who may read no version of a job: an empty list would not tell what they lack."""
    family = uow.jobs.list_family(job_name)
    if not list_permitted_jobs(uow, subject, AuthScope.READ_JOB, family):
        check_job(uow, subject, job_name, None, AuthScope.READ_JOB)


def check_allowed(decision: AccessDecision) -> None:
    """Raise NotPermitted unless the decision allows the request."""
    if not decision.is_allowed:
        raise NotPermitted(decision.refusal)


def decide_job(
    uow: UnitOfWork, subject: AuthSubject, scope: AuthScope, job_name: str, job: JobDto | None
) -> AccessDecision:
    """Decide about the scope on a job; `job` is None for a version that does not exist yet."""
    return decide(_ask(uow, subject, Wanted(scope, job_name, job)))


def decide_endpoint(
    uow: UnitOfWork, subject: AuthSubject, scope: AuthScope, job: JobDto, endpoint: str
) -> AccessDecision:
    """Decide about the scope on one endpoint (`/api/v1/perform`) of a job."""
    return decide_wanted(uow, subject, Wanted(scope, job.name, job, endpoint))


def decide_wanted(uow: UnitOfWork, subject: AuthSubject, wanted: Wanted) -> AccessDecision:
    """Decide whether the caller may do what is wanted."""
    return decide(_ask(uow, subject, wanted))


def decide_without_caller(uow: UnitOfWork, job: JobDto, endpoint: str) -> AccessDecision:
    """Decide about a call before its caller is known; the effect is CONTINUE if a token is needed."""
    return decide(_ask_without_caller(uow, job, endpoint))


def list_permitted_jobs(
    uow: UnitOfWork, subject: AuthSubject, scope: AuthScope, jobs: Iterable[JobDto]
) -> list[JobDto]:
    """Keep the jobs on which the caller has the scope."""
    return _list_permitted(uow, subject, [(job, Wanted(scope, job.name, job)) for job in jobs])


def list_permitted_families(
    uow: UnitOfWork, subject: AuthSubject, scope: AuthScope, families: Iterable[JobFamilyDto]
) -> list[JobFamilyDto]:
    """Keep the families on which the caller has the scope; a permission on a single job does not show its family."""
    wanted = [(family, Wanted(scope, family.name)) for family in families]
    return _list_permitted(uow, subject, wanted)


def list_visible_deployments(
    uow: UnitOfWork, subject: AuthSubject, deployments: list[DeploymentDto]
) -> list[DeploymentDto]:
    """Keep the deployments of the caller, and those of jobs that the caller may read."""
    sight = get_sight(uow, subject, AuthScope.READ_JOB)
    if sight.is_complete:
        return deployments
    seen = uow.deployment_lists.list_seen([deployment.id for deployment in deployments], sight)
    return [deployment for deployment in deployments if deployment.id in seen]


def list_own_deployments(
    uow: UnitOfWork, subject: AuthSubject, deployments: Sequence[DeploymentDto]
) -> list[DeploymentDto]:
    """Keep the deployments that the caller began; a caller of another kind may have the same name."""
    if subject.id is None:
        return []
    own = uow.deployments.list_begun_by(subject.id, [deployment.id for deployment in deployments])
    return [deployment for deployment in deployments if deployment.id in own]


def _list_permitted(
    uow: UnitOfWork, subject: AuthSubject, wanted: Sequence[tuple[_Item, Wanted]]
) -> list[_Item]:
    permissions = _list_permissions(uow, subject)
    return [item for item, each in wanted if _may(subject, permissions, each)]


def _may(subject: AuthSubject, permissions: Sequence[PermissionDto], wanted: Wanted) -> bool:
    special = _decide_without_permissions(subject, wanted.scope)
    if special is not None:
        return special.effect is Effect.ALLOW
    return permits(permissions, wanted)


def _ask(uow: UnitOfWork, subject: AuthSubject, wanted: Wanted) -> Iterator[Rule]:
    if wanted.endpoint is not None and has_dot_segments(wanted.endpoint):
        yield Rule("path", Effect.DENY, describe_dot_segments(wanted.endpoint))
    special = _decide_without_permissions(subject, wanted.scope)
    if special is not None:
        yield special
        return
    for permission in _list_permissions(uow, subject):
        yield _match(permission, wanted)
    yield _refuse(subject, wanted)


def _refuse(subject: AuthSubject, wanted: Wanted) -> Rule:
    reason = f"{subject.description} lacks {_describe(wanted)}"
    return Rule("default", Effect.DENY, reason, _make_remedy(subject, wanted))


def _make_remedy(subject: AuthSubject, wanted: Wanted) -> str:
    """Return the command that grants what is wanted; empty for services, whose permissions are in their tokens."""
    if subject.is_internal:
        return ""
    is_plain = subject.subject_type is AuthSubjectType.USER and not subject.name.startswith("-")
    # Behind the prefix, a name such as `--everything` is no option.
    holder = subject.name if is_plain else f"{subject.subject_type}:{subject.name}"
    # On any job is enough, but for a scope that concerns none.
    anything = "--everything" if wanted.scope in PLATFORM_SCOPES else "JOB"
    words = ["racetrack", "auth", "allow", holder, wanted.job_name or anything]
    if wanted.scope is not AuthScope.CALL_JOB:
        words += ["--scope", wanted.scope]
    return shlex.join(words)


def _match(permission: PermissionDto, wanted: Wanted) -> Rule:
    mismatch = find_mismatch(permission, wanted)
    granted = describe_permission(permission)
    if mismatch is None:
        return Rule("permission", Effect.ALLOW, f"{granted} was granted")
    return Rule("permission", Effect.CONTINUE, f"{granted} {mismatch}")


def _decide_without_permissions(subject: AuthSubject, scope: AuthScope) -> Rule | None:
    """Decide about callers to which stored permissions don't apply; None for all other callers."""
    if subject.is_unlimited:
        return NO_TOKEN_DEMANDED
    if subject.payload is None:
        return None
    if subject.payload.allows(scope):
        return Rule("service", Effect.ALLOW, f"the token of service {subject.name} allows {scope}")
    reason = f"the token of service {subject.name} is limited to scopes without {scope}"
    return Rule("service", Effect.DENY, reason)


def _list_permissions(uow: UnitOfWork, subject: AuthSubject) -> list[PermissionDto]:
    return uow.permissions.list_of_subject(subject.id) if subject.id else []


def _describe(wanted: Wanted) -> str:
    what = f"the permission {wanted.scope}"
    if wanted.endpoint is not None:
        what += f" on endpoint {wanted.endpoint}"
        return f"{what} of job {wanted.job}"
    return what + (f" on job {wanted.job or wanted.job_name}" if wanted.job_name else "")


def _ask_without_caller(uow: UnitOfWork, job: JobDto, endpoint: str) -> Iterator[Rule]:
    if has_dot_segments(endpoint):
        yield Rule("path", Effect.DENY, describe_dot_segments(endpoint))
    if endpoint in _PROBES:
        yield Rule("probe", Effect.ALLOW, f"every caller may call {endpoint}")
    for public in uow.public_endpoints.list_active(job.name, job.version):
        if is_below(endpoint, public):
            reason = f"{public} is a public endpoint of job {job}"
            yield Rule("public endpoint", Effect.ALLOW, reason)
        else:
            reason = f"the public endpoint {public} of job {job} is another one"
            yield Rule("public endpoint", Effect.CONTINUE, reason)
