"""Permissions of subjects."""

from collections.abc import Collection

from racetrack_commons.auth.scope import AuthScope
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from lifecycle.database.dto import PermissionDto
from lifecycle.database.tables import JobFamilyRow, JobRow, PermissionRow


class PermissionRepository:
    """The rows of `registry_authresourcepermission`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list_of_subject(self, subject_id: str) -> list[PermissionDto]:
        """List what a subject was granted."""
        return self._list(PermissionRow.auth_subject_id == subject_id)

    def list_by_subject(self, scopes: Collection[AuthScope]) -> dict[str, list[PermissionDto]]:
        """List all permissions of these scopes, by the ids of their subjects."""
        by_subject: dict[str, list[PermissionDto]] = {}
        for permission in self._list(PermissionRow.scope.in_(scopes)):
            by_subject.setdefault(permission.auth_subject_id, []).append(permission)
        return by_subject

    def grant(
        self,
        subject_id: str,
        scope: AuthScope,
        *,
        job_family_id: str | None = None,
        job_id: str | None = None,
    ) -> None:
        """Grant a scope on everything, a family or a job; once is enough."""
        query = select(PermissionRow.id).where(
            PermissionRow.auth_subject_id == subject_id,
            PermissionRow.scope == scope,
            PermissionRow.job_family_id.is_not_distinct_from(job_family_id),
            PermissionRow.job_id.is_not_distinct_from(job_id),
            # A grant for one endpoint only is less than what is asked for here.
            PermissionRow.endpoint.is_(None),
        )
        if self._session.scalar(query.limit(1)) is not None:
            return
        row = PermissionRow(
            auth_subject_id=subject_id, scope=scope, job_family_id=job_family_id, job_id=job_id
        )
        self._session.add(row)
        self._session.flush()

    def _list(self, condition: ColumnElement[bool]) -> list[PermissionDto]:
        query = (
            select(PermissionRow, JobFamilyRow.name, JobRow.name, JobRow.version)
            .outerjoin(JobFamilyRow, JobFamilyRow.id == PermissionRow.job_family_id)
            .outerjoin(JobRow, JobRow.id == PermissionRow.job_id)
            .where(condition)
            .order_by(PermissionRow.id)
        )
        return [
            PermissionDto(
                id=row.id,
                auth_subject_id=row.auth_subject_id,
                scope=row.scope,
                job_family_id=row.job_family_id,
                job_family_name=family_name,
                job_id=row.job_id,
                job_name=job_name,
                job_version=job_version,
                endpoint=row.endpoint,
            )
            for row, family_name, job_name, job_version in self._session.execute(query)
        ]
