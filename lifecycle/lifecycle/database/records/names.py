"""What people call a record."""

from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm import joinedload

from lifecycle.database.records.tables import RecordTable
from lifecycle.database.tables import AuthSubjectRow, Base


def name_record(table: RecordTable, row: Base) -> str:
    """Name a row; an auth subject must be loaded with its holder."""
    if isinstance(row, AuthSubjectRow):
        return ": ".join(name_subject(row))
    return " ".join(str(getattr(row, name)) for name in table.name_columns)


def name_subject(subject: AuthSubjectRow) -> tuple[str, str]:
    """Return what kind of subject it is, and its name; it must be loaded with its holder."""
    if subject.user is not None:
        return "User", subject.user.username
    if subject.esc is not None:
        return "ESC", subject.esc.name
    return "Job Family", subject.job_family.name if subject.job_family else "Unknown"


def with_holder(query: Select[Any], *path: Any) -> Select[Any]:
    """Load user, ESC and job family of the subject at the end of the path."""
    for holder in (AuthSubjectRow.user, AuthSubjectRow.esc, AuthSubjectRow.job_family):
        query = query.options(_join(*path, holder))
    return query


def _join(first: Any, *rest: Any) -> Any:
    option = joinedload(first)
    for relation in rest:
        option = option.joinedload(relation)
    return option
