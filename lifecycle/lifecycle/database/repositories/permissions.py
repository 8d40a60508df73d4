"""Permissions of auth subjects, and endpoints of jobs that may be called without a token."""

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any, Unpack
from uuid import uuid4

from racetrack_client.entities import AuthScope
from racetrack_client.log.errors import EntityNotFound
from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    and_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Session, aliased

from lifecycle.database.session import search_conditions
from lifecycle.database.tables.auth import AuthSubjectRow, EscRow, PermissionRow, UserRow
from lifecycle.database.tables.job import JobFamilyRow, JobRow, PublicEndpointRow
from lifecycle.domain.auth import PermissionDto, PermissionLimits
from lifecycle.domain.listed_jobs import Page

_HoldingFamilyRow = aliased(JobFamilyRow)


class PermissionRepository:
    """The rows of `registry_authresourcepermission`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, permission_id: int) -> PermissionDto:
        """Return the permission of that id; raises EntityNotFound."""
        found = self._list(PermissionRow.id == permission_id)
        if not found:
            raise EntityNotFound(f"there is no permission with the id {permission_id}")
        return found[0]

    def list_of_subject(self, subject_id: str) -> list[PermissionDto]:
        """List the permissions of a subject."""
        rows = self._session.execute(_select_of_subject(), {"subject_id": subject_id})
        return [PermissionDto.model_validate(row) for row in rows]

    def list_page(self, words: Sequence[str], page: Page | None) -> list[PermissionDto]:
        """List the permissions of all subjects with each word, by the names of subjects and jobs; None: of all pages."""
        row = PermissionRow
        query = self._search(_select(), words).order_by(
            _holder_name(),
            row.auth_subject_id,
            func.coalesce(JobFamilyRow.name, JobRow.name, ""),
            func.coalesce(JobRow.version, ""),
            func.coalesce(row.endpoint, ""),
            row.id,
        )
        if page is not None:
            query = query.offset(page.offset).limit(page.limit)
        return self._read(query)

    def count(self, words: Sequence[str]) -> int:
        """Return how many permissions of all subjects have each word."""
        query = _join_targets(select(func.count(PermissionRow.id)))
        return self._session.scalar(self._search(query, words)) or 0

    def list_by_subject(self, scopes: Collection[AuthScope]) -> dict[str, list[PermissionDto]]:
        """Return all permissions of these scopes, by the ids of their subjects."""
        by_subject: dict[str, list[PermissionDto]] = {}
        for permission in self._list(PermissionRow.scope.in_(scopes)):
            by_subject.setdefault(permission.auth_subject_id, []).append(permission)
        return by_subject

    def list_on_job(
        self, scopes: Collection[AuthScope], job_name: str, job_version: str
    ) -> list[PermissionDto]:
        """List the permissions of these scopes, of all subjects, that are not limited to other jobs."""
        on_family = or_(PermissionRow.job_family_id.is_(None), JobFamilyRow.name == job_name)
        is_this = and_(JobRow.name == job_name, JobRow.version == job_version)
        on_job = or_(PermissionRow.job_id.is_(None), is_this)
        return self._list(and_(PermissionRow.scope.in_(scopes), on_family, on_job))

    def find(
        self, subject_id: str, scope: str, **limits: Unpack[PermissionLimits]
    ) -> PermissionDto | None:
        """Return the permission with exactly these limits, or None."""
        found = self._list(
            and_(
                PermissionRow.auth_subject_id == subject_id,
                PermissionRow.scope == scope,
                PermissionRow.job_family_id.is_not_distinct_from(limits.get("job_family_id")),
                PermissionRow.job_id.is_not_distinct_from(limits.get("job_id")),
                PermissionRow.endpoint.is_not_distinct_from(limits.get("endpoint")),
            )
        )
        return found[0] if found else None

    def is_any_about(self, family_id: str, *, but_of: str) -> bool:
        """Return whether a family holds a permission, or a subject other than `but_of` has one on the family or its jobs."""
        jobs = select(JobRow.id).where(JobRow.family_id == family_id)
        own = select(AuthSubjectRow.id).where(AuthSubjectRow.job_family_id == family_id)
        row = PermissionRow
        on_family = (row.job_family_id == family_id) | row.job_id.in_(jobs)
        is_about = row.auth_subject_id.in_(own) | (on_family & (row.auth_subject_id != but_of))
        return bool(self._session.scalar(select(exists().where(is_about))))

    def grant(
        self, subject_id: str, scope: str, **limits: Unpack[PermissionLimits]
    ) -> PermissionDto:
        """Grant a scope within limits, and return the permission; an equal permission is not added twice."""
        found = self.find(subject_id, scope, **limits)
        if found is not None:
            return found
        row = PermissionRow(auth_subject_id=subject_id, scope=scope, **limits)
        self._session.add(row)
        self._session.flush()
        return self.get(row.id)

    def remove(self, permission_id: int) -> None:
        """Delete a permission."""
        self._session.delete(self._session.get_one(PermissionRow, permission_id))
        self._session.flush()

    def _search(self, query: Select[Any], words: Iterable[str]) -> Select[Any]:
        conditions = search_conditions(self._session, _list_searched(), words)
        return _join_holders(query).where(*conditions)

    def _list(self, condition: ColumnElement[bool]) -> list[PermissionDto]:
        return self._read(_select().where(condition).order_by(PermissionRow.id))

    def _read(self, query: Select[Any]) -> list[PermissionDto]:
        return [PermissionDto.model_validate(row) for row in self._session.execute(query)]


@cache
def _select_of_subject() -> Select[Any]:
    """Return the query of the permissions of a subject; each request asks it."""
    of_subject = PermissionRow.auth_subject_id == bindparam("subject_id")
    return _select().where(of_subject).order_by(PermissionRow.id)


def _select() -> Select[Any]:
    return _join_targets(
        select(
            *PermissionRow.__table__.columns,
            JobFamilyRow.name.label("job_family_name"),
            JobRow.name.label("job_name"),
            JobRow.version.label("job_version"),
        )
    )


def _join_targets(query: Select[Any]) -> Select[Any]:
    return query.outerjoin(JobFamilyRow, JobFamilyRow.id == PermissionRow.job_family_id).outerjoin(
        JobRow, JobRow.id == PermissionRow.job_id
    )


def _join_holders(query: Select[Any]) -> Select[Any]:
    holder, family = AuthSubjectRow, _HoldingFamilyRow
    return (
        query.join(holder, holder.id == PermissionRow.auth_subject_id)
        .outerjoin(UserRow, UserRow.id == holder.user_id)
        .outerjoin(EscRow, EscRow.id == holder.esc_id)
        .outerjoin(family, family.id == holder.job_family_id)
    )


def _holder_name() -> SQLColumnExpression[str]:
    return func.coalesce(UserRow.username, EscRow.name, _HoldingFamilyRow.name, "")


def _list_searched() -> list[SQLColumnExpression[Any]]:
    """List the texts that people read about a permission."""
    kind = case(
        (AuthSubjectRow.user_id.is_not(None), "user"),
        (AuthSubjectRow.esc_id.is_not(None), "external consumer"),
        else_="job family",
    )
    limits = (JobFamilyRow.name, JobRow.name, JobRow.version, PermissionRow.endpoint)
    return [kind, _holder_name(), EscRow.id, PermissionRow.scope, *limits]


class PublicEndpointRepository:
    """The rows of `registry_publicendpointrequest`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def request(self, job_id: str, endpoints: Iterable[str]) -> None:
        """Add requests for endpoints to be public, inactive until staff activates them; requests made before stay as they are."""
        query = select(PublicEndpointRow.endpoint).where(PublicEndpointRow.job_id == job_id)
        known = set(self._session.scalars(query))
        for endpoint in dict.fromkeys(endpoints):
            if endpoint not in known:
                row = PublicEndpointRow(
                    id=str(uuid4()), job_id=job_id, endpoint=endpoint, active=False
                )
                self._session.add(row)
        self._session.flush()

    def list_active(self, job_name: str, job_version: str) -> list[str]:
        """List the endpoints of a job that can be called without a token."""
        query = (
            select(PublicEndpointRow.endpoint)
            .join(JobRow, JobRow.id == PublicEndpointRow.job_id)
            .where(
                JobRow.name == job_name,
                JobRow.version == job_version,
                PublicEndpointRow.active,
            )
            .order_by(PublicEndpointRow.endpoint)
        )
        return list(self._session.scalars(query))
