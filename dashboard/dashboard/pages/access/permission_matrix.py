"""Permissions as a matrix: a row for each subject and resource, a column for each scope."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from racetrack_client.entities import AuthScope

from dashboard.components.server_table import Row

SCOPES = [scope.value for scope in AuthScope]
ALL_JOBS = "(everything)"
_SUBJECT_WORDS = {"user": "User", "esc": "External consumer", "job_family": "Job family"}


@dataclass(frozen=True)
class Resource:
    """The thing that a permission is about; a field that is None sets no limit."""

    job_name: str | None = None
    job_version: str | None = None
    endpoint: str | None = None

    def describe(self) -> str:
        """Return the resource in words."""
        if self.job_name is None and self.endpoint is None:
            return ALL_JOBS
        version = self.job_version or "(all versions)"
        text = f"{self.job_name} {version}" if self.job_name else "(all jobs)"
        return f"{text} {self.endpoint}" if self.endpoint else text


def make_matrix(permissions: Iterable[dict[str, Any]], names: Mapping[str, str]) -> list[Row]:
    """Return the rows of the matrix; each has the ids of its permissions by scope.

    `names` has the subjects in words; others are described by their ids.
    """
    rows: dict[tuple[str, Resource], Row] = {}
    for permission in permissions:
        resource = Resource(
            permission["job_name"], permission["job_version"], permission["endpoint"]
        )
        subject = permission["subject"]
        row = rows.setdefault((subject, resource), _make_row(subject, resource, names))
        row["scopes"][permission["scope"]] = permission["id"]
    return sorted(rows.values(), key=lambda row: (row["subject_text"], row["resource_text"]))


def filter_rows(rows: Iterable[Row], words: str) -> list[Row]:
    """Return the rows in whose subject or resource each of the words is."""
    wanted = words.lower().split()
    return [row for row in rows if all(word in row["search"] for word in wanted)]


def describe_subject(subject: str, name: str) -> str:
    """Return a subject such as `esc:web-shop` in words, by the name that people know."""
    kind = subject.partition(":")[0]
    return f"{_SUBJECT_WORDS.get(kind, kind)} {name}"


def _make_row(subject: str, resource: Resource, names: Mapping[str, str]) -> Row:
    text = names.get(subject) or describe_subject(subject, subject.partition(":")[2])
    about = resource.describe()
    return {
        "id": f"{subject} {about}",
        "label": f"{text} on {about}",
        "subject": subject,
        "subject_text": text,
        "resource": {
            "job_name": resource.job_name,
            "job_version": resource.job_version,
            "endpoint": resource.endpoint,
        },
        "resource_text": about,
        "scopes": {},
        "search": f"{text} {about}".lower(),
    }
