"""Permissions as a matrix: a row for each subject and resource, a column for each scope."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from racetrack_client.entities import AuthScope

from dashboard.components.server_table import Row

SCOPES = [scope.value for scope in AuthScope]
_PLATFORM_SCOPES = (AuthScope.CALL_ADMIN_API, AuthScope.DEPLOY_NEW_FAMILY)
ALL_JOBS = "(everything)"
_SUBJECT_WORDS = {"user": "User", "esc": "External consumer", "job_family": "Job family"}


@dataclass(frozen=True)
class Resource:
    """The thing that a permission is about; a field that is None sets no limit."""

    job_name: str | None = None
    job_version: str | None = None
    endpoint: str | None = None

    def list_grantable(self) -> list[str]:
        """List the scopes that can be granted on it: some are about the whole platform, others not about endpoints."""
        if self.endpoint is not None:
            return [AuthScope.CALL_JOB.value, AuthScope.FULL_ACCESS.value]
        if self.job_name is None:
            return SCOPES
        return [scope for scope in SCOPES if scope not in _PLATFORM_SCOPES]

    def describe(self) -> str:
        """Return the resource in words."""
        if self.job_name is None and self.endpoint is None:
            return ALL_JOBS
        version = self.job_version or "(all versions)"
        text = f"{self.job_name} {version}" if self.job_name else "(all jobs)"
        return f"{text} {self.endpoint}" if self.endpoint else text


def make_matrix(permissions: Iterable[dict[str, Any]]) -> list[Row]:
    """Return the rows of the matrix, in the order of the permissions; each has their ids by scope."""
    rows: dict[tuple[str, Resource], Row] = {}
    for permission in permissions:
        resource = Resource(
            permission["job_name"], permission["job_version"], permission["endpoint"]
        )
        subject = permission["subject"]
        text = describe_subject(subject, permission["subject_name"])
        row = rows.setdefault((subject, resource), _make_row(subject, text, resource))
        row["scopes"][permission["scope"]] = permission["id"]
    return list(rows.values())


def describe_subject(subject: str, name: str) -> str:
    """Return a subject such as `esc:web-shop` in words, by the name that people know."""
    kind = subject.partition(":")[0]
    return f"{_SUBJECT_WORDS.get(kind, kind)} {name}"


def _make_row(subject: str, text: str, resource: Resource) -> Row:
    about = resource.describe()
    return {
        "id": f"{subject} {about}",
        "label": f"{text} on {about}",
        "subject": subject,
        "subject_text": text,
        "resource": asdict(resource),
        "resource_text": about,
        "grantable": resource.list_grantable(),
        "scopes": {},
    }
