"""Whether a stored permission covers what somebody wants to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from racetrack_commons.auth.scope import AuthScope
from racetrack_commons.entities.dto import JobDto

from lifecycle.domain.auth import PermissionDto

PLATFORM_SCOPES = {AuthScope.CALL_ADMIN_API, AuthScope.DEPLOY_NEW_FAMILY}
"""Scopes about no job: a permission that is limited to some job does not contain them."""


class Effect(StrEnum):
    """What a rule does to a decision."""

    ALLOW = "allow"
    DENY = "deny"
    CONTINUE = "continue"
    """It does not apply; the next rule is asked."""


@dataclass(frozen=True)
class Rule:
    """One rule, as it met the question."""

    name: str
    """Which rule it is: `permission`, `public endpoint`, …"""
    effect: Effect
    reason: str
    """For people, with the names that it depended on."""


@dataclass(frozen=True)
class Decision:
    """The rules that were asked, in their order; the last one decided."""

    rules: tuple[Rule, ...]

    @property
    def effect(self) -> Effect:
        """What was decided; CONTINUE when no rule applied."""
        return self.rules[-1].effect if self.rules else Effect.CONTINUE

    @property
    def is_allowed(self) -> bool:
        """Whether the caller may."""
        return self.effect is Effect.ALLOW

    @property
    def reason(self) -> str:
        """Why."""
        return self.rules[-1].reason if self.rules else "no rule applies"


def decide(rules: Iterable[Rule]) -> Decision:
    """Ask rule after rule until one decides."""
    asked = []
    for rule in rules:
        asked.append(rule)
        if rule.effect is not Effect.CONTINUE:
            break
    return Decision(tuple(asked))


@dataclass(frozen=True)
class Wanted:
    """What somebody wants to do; what is None is not limited: everything of that kind."""

    scope: AuthScope
    job_name: str | None = None
    job: JobDto | None = None
    """None beside a name: the whole family, versions that do not exist yet among it."""
    endpoint: str | None = None


def find_mismatch(permission: PermissionDto, wanted: Wanted) -> str | None:
    """Say why a permission does not cover what is wanted; None: it does."""
    if not grants(permission, wanted.scope):
        return "is another scope"
    if permission.job_family_id and permission.job_family_name != wanted.job_name:
        return "is about another job family"
    # The id, not the version: version 0.0.1 of one job says nothing about 0.0.1 of another.
    if permission.job_id and (wanted.job is None or permission.job_id != wanted.job.id):
        return "is about another job, or another version"
    if permission.endpoint is not None:
        if wanted.endpoint is None:
            return "is about one endpoint only"
        if normalize_endpoint(permission.endpoint) != wanted.endpoint:
            return "is about another endpoint"
    return None


def permits(permissions: Iterable[PermissionDto], wanted: Wanted) -> bool:
    """Tell whether one of the permissions covers what is wanted."""
    return any(find_mismatch(permission, wanted) is None for permission in permissions)


def grants(permission: PermissionDto, scope: AuthScope) -> bool:
    """Tell whether a permission contains the scope, on whatever it is."""
    return permission.scope in (scope, AuthScope.FULL_ACCESS)


def describe_permission(permission: PermissionDto) -> str:
    """Name the scope, and what it is limited to."""
    limits = []
    if permission.job_family_id:
        limits.append(f"job family {permission.job_family_name}")
    if permission.job_id:
        limits.append(f"job {permission.job_name} {permission.job_version}")
    if permission.endpoint is not None:
        limits.append(f"endpoint {permission.endpoint}")
    return f"{permission.scope} on {', '.join(limits) or 'everything'}"


def normalize_endpoint(path: str) -> str:
    """Give a path one leading slash, and take one trailing slash from it."""
    return "/" + path.removesuffix("/").removeprefix("/")


def is_below(endpoint: str, public: str) -> bool:
    """Tell whether an endpoint is the public one, or a path below it."""
    prefix = normalize_endpoint(public).rstrip("/")
    return endpoint == prefix or endpoint.startswith(f"{prefix}/")


def describe_dot_segments(text: str) -> str:
    """Say what is wrong with such a path."""
    return f"{text} is no endpoint: it has `.` or `..` in its path"
