"""Lists of jobs: all of them as the database returns them, and pages that are found and sorted there."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from racetrack_commons.entities.dto import JobDto, JobStatus
from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    Subquery,
    Text,
    case,
    cast,
    func,
    or_,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from lifecycle.database.sight import seen_jobs_condition
from lifecycle.database.tables.job import JobManifestRow, JobRow
from lifecycle.domain.auth import Sight
from lifecycle.domain.listed_jobs import JobOrder, JobRevision, Page, StoredJob, WantedJobs
from lifecycle.domain.stored_manifest import (
    StoredManifest,
    digest_manifest,
    make_stored_manifest,
)

_COLUMNS = (
    *("id", "name", "version", "status", "create_time", "update_time", "last_call_time"),
    *("manifest", "internal_name", "error", "notice", "image_tag", "deployed_by"),
    *("infrastructure_target", "replica_internal_names", "job_type_version"),
    *("infrastructure_stats", "owner_email", "revision"),
)
_TIMES = ("create_time", "update_time", "last_call_time")
_READ_AS_TEXT = {*_TIMES, "replica_internal_names", "infrastructure_stats"}
_Revisions = Select[str, str | None]
_JOBS_AT_ONCE = 500
_FIRST, _BETWEEN, _LAST = range(3)


class JobListRepository:
    """The rows of `registry_job` and `registry_jobmanifest`, many at once."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list_all(self, sight: Sight) -> list[JobRevision]:
        """List all jobs that the caller may see, the last deployed first."""
        query = select(JobRow.id, JobRow.revision).where(seen_jobs_condition(sight))
        query = query.order_by(JobRow.update_time.desc(), JobRow.name)
        return [(job_id, revision) for job_id, revision in self._session.execute(query)]

    def list_page(self, wanted: WantedJobs, sight: Sight, page: Page) -> list[JobRevision]:
        """List the wanted jobs that the caller may see, in their order; no two pages have the same job."""
        query = self._sort(select(JobRow.id, JobRow.revision), wanted, sight)
        query = query.where(*_make_conditions(wanted, sight)).offset(page.offset).limit(page.limit)
        return [(job_id, revision) for job_id, revision in self._session.execute(query)]

    def list_ids(self, wanted: WantedJobs, sight: Sight) -> set[str]:
        """Return the ids of all wanted jobs that the caller may see."""
        query = select(JobRow.id).where(*_make_conditions(wanted, sight))
        return set(self._session.scalars(query))

    def list_summaries(self, sight: Sight) -> list[JobDto]:
        """List all jobs that the caller may see, without their manifests, in any order."""
        names = [name for name in _COLUMNS if name != "manifest"]
        rows = self._session.execute(_select(names).where(seen_jobs_condition(sight)))
        return [_read_job(row._asdict()) for row in rows]

    def list_named(self, names: Collection[str], sight: Sight) -> set[tuple[str, str]]:
        """Return name and version of the jobs with one of these names that the caller may see."""
        query = select(JobRow.name, JobRow.version).where(JobRow.name.in_(names))
        found = self._session.execute(query.where(seen_jobs_condition(sight)))
        return {(name, version) for name, version in found}

    def count(self, wanted: WantedJobs, sight: Sight) -> int:
        """Return how many of the wanted jobs the caller may see."""
        query = select(func.count()).select_from(JobRow)
        return self._session.scalar(query.where(*_make_conditions(wanted, sight))) or 0

    def read(self, job_ids: Sequence[str]) -> Iterator[StoredJob]:
        """Read jobs in any order; those that are gone meanwhile are left out."""
        for start in range(0, len(job_ids), _JOBS_AT_ONCE):
            ids = job_ids[start : start + _JOBS_AT_ONCE]
            manifests = self._list_manifests(ids)
            for row in self._session.execute(_select(_COLUMNS).where(JobRow.id.in_(ids))):
                yield _read(row._asdict(), manifests.get(row.id))

    def _list_manifests(self, job_ids: Sequence[str]) -> dict[str, StoredManifest]:
        row = JobManifestRow
        query = select(row.job_id, row.digest, row.content).where(row.job_id.in_(job_ids))
        found = self._session.execute(query)
        return {job_id: StoredManifest(digest, content) for job_id, digest, content in found}

    def _sort(self, query: _Revisions, wanted: WantedJobs, sight: Sight) -> _Revisions:
        name: SQLColumnExpression[str] = JobRow.name
        if self._session.get_bind().dialect.name == "postgresql":
            name = name.collate("C")  # Its own order may leave dashes out.
        updated, version = JobRow.update_time, JobRow.version_key
        newest = _select_newest(sight)
        if wanted.order is JobOrder.LATEST_FAMILY:
            query = query.join(newest, newest.c.family_id == JobRow.family_id)
        columns: dict[JobOrder, list[tuple[SQLColumnExpression[Any], bool]]] = {
            JobOrder.NAME: [(name, False), (version, True)],
            JobOrder.LATEST_FAMILY: [(newest.c.newest, True), (name, False), (updated, True)],
            JobOrder.LATEST_JOB: [(updated, True), (name, False), (version, True)],
            JobOrder.STATUS: [(_rank_status(), False), (name, False), (version, True)],
        }
        # The id makes the order of equal jobs the same on all pages.
        order = [*columns[wanted.order], (JobRow.id, False)]
        return query.order_by(
            *(
                column.desc() if is_descending != wanted.is_reversed else column.asc()
                for column, is_descending in order
            )
        )


def _select(names: Iterable[str]) -> Select[Any]:
    return select(*(_as_stored(getattr(JobRow, name)).label(name) for name in names))


def _as_stored(column: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    """Return the column without conversion: of most jobs, the values are only compared."""
    return cast(column, Text) if column.key in _READ_AS_TEXT else column.expression


def _read(columns: dict[str, Any], stored: StoredManifest | None) -> StoredJob:
    return StoredJob(
        job=_read_job(columns),
        revision=columns["revision"],
        manifest_json=_make_manifest_json(columns["manifest"], stored),
        owner_email=columns["owner_email"] or None,
        updated=_read_time(columns["update_time"]),
    )


def _read_job(columns: Mapping[str, Any]) -> JobDto:
    names, stats = columns["replica_internal_names"], columns["infrastructure_stats"]
    read = {
        "status": JobStatus(columns["status"]),
        "manifest": None,
        "manifest_yaml": columns.get("manifest"),
        "replica_internal_names": names.split(",") if names else [],
        "infrastructure_stats": json.loads(stats) if stats else {},
        **{name: _read_time(columns[name]) for name in _TIMES if columns[name]},
    }
    return JobDto.model_validate({**columns, **read})


def _read_time(text: str) -> datetime:
    """Return a time that SQLite stores as text, or PostgreSQL was asked to write as text."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _make_manifest_json(manifest_yaml: str | None, stored: StoredManifest | None) -> str:
    if manifest_yaml is None:
        return "null"
    if stored is None or stored.digest != digest_manifest(manifest_yaml):
        stored = make_stored_manifest(manifest_yaml)
    return stored.content


def _select_newest(sight: Sight) -> Subquery:
    """Select when each family was last deployed."""
    newest = func.max(JobRow.update_time).label("newest")
    query = select(JobRow.family_id, newest).where(seen_jobs_condition(sight))
    return query.group_by(JobRow.family_id).subquery()


def _rank_status() -> ColumnElement[int]:
    ranks = {JobStatus.ERROR: _FIRST, JobStatus.RUNNING: _LAST}
    return case(ranks, value=JobRow.status, else_=_BETWEEN)


def _make_conditions(wanted: WantedJobs, sight: Sight) -> list[ColumnElement[bool]]:
    conditions = [seen_jobs_condition(sight)]
    conditions += [JobRow.search_text.contains(word, autoescape=True) for word in wanted.words]
    if wanted.statuses:
        conditions.append(JobRow.status.in_(wanted.statuses))
    if wanted.targets:
        conditions.append(JobRow.infrastructure_target.in_(wanted.targets))
    if wanted.families:
        conditions.append(JobRow.name.in_(wanted.families))
    if wanted.owners:
        owners = [owner.lower() for owner in wanted.owners]
        conditions.append(func.lower(JobRow.owner_email).in_(owners))
    if wanted.job_types:
        conditions.append(or_(*map(_is_of_type, wanted.job_types)))
    return conditions


def _is_of_type(job_type: str) -> ColumnElement[bool]:
    column = JobRow.job_type_version
    return or_(column == job_type, column.startswith(f"{job_type}:", autoescape=True))
