"""Conditions of queries that let only those rows pass that a caller may see, however many there are."""

from typing import Any

from racetrack_client.entities import AuthScope
from sqlalchemy import ColumnElement, Select, exists, false, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, aliased

from lifecycle.database.tables.auth import PermissionRow
from lifecycle.database.tables.deployment import DeploymentRow
from lifecycle.database.tables.job import JobRow
from lifecycle.domain.auth import Sight


def seen_jobs_condition(sight: Sight) -> ColumnElement[bool]:
    """Return the condition that the caller has the scope on a job; `find_mismatch` decides the same about one job."""
    if sight.is_complete:
        return true()
    if sight.holder_id is None:
        return false()
    limited_to, job = PermissionRow, aliased(JobRow)
    families = _granted(sight, limited_to.job_family_id).where(limited_to.job_id.is_(None))
    jobs = _granted(sight, limited_to.job_id).join(job, job.id == limited_to.job_id)
    in_family = or_(limited_to.job_family_id.is_(None), limited_to.job_family_id == job.family_id)
    return or_(JobRow.family_id.in_(families), JobRow.id.in_(jobs.where(in_family)))


def seen_deployments_condition(sight: Sight) -> ColumnElement[bool]:
    """Return the condition that the caller began a deployment, or has the scope on its job."""
    if sight.is_complete:
        return true()
    if sight.holder_id is None:
        return false()
    of_seen_job = exists().where(
        JobRow.name == DeploymentRow.job_name,
        JobRow.version == DeploymentRow.job_version,
        seen_jobs_condition(sight),
    )
    return or_(DeploymentRow.auth_subject_id == sight.holder_id, of_seen_job)


def _granted(sight: Sight, limit: InstrumentedAttribute[str | None]) -> Select[Any]:
    return select(limit).where(
        PermissionRow.auth_subject_id == sight.holder_id,
        PermissionRow.scope.in_((sight.scope, AuthScope.FULL_ACCESS)),
        PermissionRow.endpoint.is_(None),
        limit.is_not(None),
    )
