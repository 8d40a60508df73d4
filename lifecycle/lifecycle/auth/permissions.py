"""The parts of a decision: rules with their effects, and stored permissions with what they cover."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from racetrack_client.entities import AuthScope
from racetrack_commons.entities.dto import JobDto

from lifecycle.domain.auth import PermissionDto

PLATFORM_SCOPES = {AuthScope.CALL_ADMIN_API, AuthScope.DEPLOY_NEW_FAMILY}
"""Scopes that concern no job: a permission that is limited to a job does not include them."""


class Effect(StrEnum):
    """The effect of a rule on a decision."""

    ALLOW = "allow"
    DENY = "deny"
    CONTINUE = "continue"
    """The rule does not apply; the next rule is asked."""


@dataclass(frozen=True)
class Rule:
    """The answer of one rule to a request."""

    name: str
    """The kind of rule: `permission`, `public endpoint`, …"""
    effect: Effect
    reason: str
    """A sentence for people, with the names that the answer depends on."""
    remedy: str = ""
    """A command that would change the answer; empty when there is none."""

    @property
    def is_decisive(self) -> bool:
        """True if no later rule is asked."""
        return self.effect is not Effect.CONTINUE


@dataclass(frozen=True)
class AccessDecision:
    """The rules in the order in which they were asked; the last one decided."""

    rules: tuple[Rule, ...]

    @property
    def effect(self) -> Effect:
        """The effect of the rule that decided; CONTINUE if no rule applied."""
        return self.rules[-1].effect if self.rules else Effect.CONTINUE

    @property
    def is_allowed(self) -> bool:
        """True if the caller may do what is wanted."""
        return self.effect is Effect.ALLOW

    @property
    def reason(self) -> str:
        """The reason of the rule that decided."""
        return self.rules[-1].reason if self.rules else "no rule applies"

    @property
    def refusal(self) -> str:
        """The reason, with the command by which an administrator changes it."""
        remedy = self.rules[-1].remedy if self.rules else ""
        return f"{self.reason}; an admin grants it with `{remedy}`" if remedy else self.reason


def decide(rules: Iterable[Rule]) -> AccessDecision:
    """Ask the rules in their order until one decides."""
    asked = []
    for rule in rules:
        asked.append(rule)
        if rule.is_decisive:
            break
    return AccessDecision(tuple(asked))


@dataclass(frozen=True)
class Wanted:
    """A scope that a caller wants to use, and on what; a field that is None means everything of its kind."""

    scope: AuthScope
    job_name: str | None = None
    job: JobDto | None = None
    """None beside a name means the whole family, including versions that do not exist yet."""
    endpoint: str | None = None


def find_mismatch(permission: PermissionDto, wanted: Wanted) -> str | None:
    """Return why a permission does not cover what is wanted, or None if it does."""
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
    """Return whether one of the permissions covers what is wanted."""
    return any(find_mismatch(permission, wanted) is None for permission in permissions)


def grants(permission: PermissionDto, scope: AuthScope) -> bool:
    """Return whether a permission includes the scope, regardless of its limits."""
    return permission.scope in (scope, AuthScope.FULL_ACCESS)


def describe_permission(permission: PermissionDto) -> str:
    """Describe a permission for people: its scope and its limits."""
    limits = []
    if permission.job_family_id:
        limits.append(f"job family {permission.job_family_name}")
    if permission.job_id:
        limits.append(f"job {permission.job_name} {permission.job_version}")
    if permission.endpoint is not None:
        limits.append(f"endpoint {permission.endpoint}")
    return f"{permission.scope} on {', '.join(limits) or 'everything'}"


def normalize_endpoint(path: str) -> str:
    """Return a path in the form in which endpoints are compared: with a leading slash, without a trailing one."""
    return "/" + path.removesuffix("/").removeprefix("/")


def is_below(endpoint: str, public: str) -> bool:
    """Return whether an endpoint is the public one, or a path below it."""
    prefix = normalize_endpoint(public).rstrip("/")
    return endpoint == prefix or endpoint.startswith(f"{prefix}/")


def describe_dot_segments(text: str) -> str:
    """Return the error message for an endpoint with `.` or `..` in its path."""
    return f"{text} is no endpoint: it has `.` or `..` in its path"
