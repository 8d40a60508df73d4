"""Many jobs at once: the values by which lists find and sort them, and those that lists show."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from racetrack_commons.entities.dto import JobDto, JobStatus
from sqlalchemy import ColumnElement, Select, Text, bindparam, cast, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from lifecycle.database.sight import seen_jobs_condition
from lifecycle.database.tables.job import JobManifestRow, JobRow
from lifecycle.domain.auth import Sight
from lifecycle.domain.indexed_jobs import IndexedJob, JobChanges
from lifecycle.domain.listed_jobs import StoredJob
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
_INDEXED = (
    *("id", "revision", "name", "version", "version_key", "status", "job_type_version"),
    *("infrastructure_target", "owner_email", "search_text", "update_time"),
)
_JOBS_AT_ONCE = 500


class JobListRepository:
    """The rows of `registry_job` and `registry_jobmanifest`, many at once."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def read_changes(self, since: int) -> JobChanges:
        """Read the jobs that the change of this number, or a later one, changed; 0 means all jobs."""
        query = _select_changes(self._session.get_bind().dialect.name)
        rows = self._session.execute(query, {"since": since}).all()
        changed = tuple(_read_indexed(row._mapping) for row in rows if row.id is not None)
        return JobChanges(changed, rows[0].total, rows[0].next_number)

    def list_seen(self, sight: Sight) -> set[str]:
        """Return the ids of the jobs that the caller may see."""
        return set(self._session.scalars(select(JobRow.id).where(seen_jobs_condition(sight))))

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


@cache
def _select_changes(dialect: str) -> Select[Any]:
    """Return the query of `read_changes`, which each list asks."""
    return select_since(dialect, _list_columns(_INDEXED))


def select_since(dialect: str, columns: Iterable[ColumnElement[Any]]) -> Select[Any]:
    """Return a query for columns of the jobs that changed since a number, with the next number and the total of jobs.

    There is always a row; the columns of jobs are empty when nothing changed.
    """
    next_number = _select_next_number(dialect).scalar_subquery()
    total = select(func.count()).select_from(JobRow).scalar_subquery()
    # All in one statement: PostgreSQL lets each statement see what was committed before it.
    state = select(next_number.label("next_number"), total.label("total")).subquery()
    is_changed = JobRow.change_number >= bindparam("since")
    query: Select[Any] = select(state, *columns)
    return query.join_from(state, JobRow, is_changed, isouter=True)


def _select_next_number(dialect: str) -> Select[int]:
    if dialect == "postgresql":
        # Transactions with lower numbers have ended. Others may still commit, with any of the numbers above.
        return select(func.txid_snapshot_xmin(func.txid_current_snapshot()))
    return select(func.coalesce(func.max(JobRow.change_number), 0) + 1)


def _select(names: Iterable[str]) -> Select[Any]:
    return select(*_list_columns(names))


def _list_columns(names: Iterable[str]) -> list[ColumnElement[Any]]:
    return [_as_stored(getattr(JobRow, name)).label(name) for name in names]


def _as_stored(column: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    """Return the column without conversion: of most jobs, the values are only compared."""
    return cast(column, Text) if column.key in _READ_AS_TEXT else column.expression


def _read_indexed(columns: Mapping[Any, Any]) -> IndexedJob:
    return IndexedJob(
        id=columns["id"],
        revision=columns["revision"],
        name=columns["name"],
        version=columns["version"],
        version_key=columns["version_key"] or "",
        status=columns["status"],
        job_type=columns["job_type_version"],
        target=columns["infrastructure_target"],
        owner=(columns["owner_email"] or "").lower(),
        search_text=columns["search_text"] or "",
        updated=_read_time(columns["update_time"]).timestamp(),
    )


def _read(columns: dict[str, Any], stored: StoredManifest | None) -> StoredJob:
    return StoredJob(
        job=_read_job(columns),
        revision=columns["revision"],
        manifest_json=_make_manifest_json(columns["manifest"], stored),
        owner_email=columns["owner_email"] or None,
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
