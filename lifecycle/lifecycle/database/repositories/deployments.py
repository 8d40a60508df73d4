"""Deployments as users see them, and the images that are still needed.

The worker's side of a deployment stands in `deployment_tasks`.
"""

from collections.abc import Collection
from datetime import datetime

from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.entities.dto import (
    DeploymentDto,
    DeploymentPhase,
    DeploymentStatus,
    JobImage,
)
from sqlalchemy import (
    CompoundSelect,
    Select,
    Update,
    delete,
    exists,
    false,
    func,
    select,
    text,
    union,
    update,
)
from sqlalchemy.orm import Session, aliased, defer

from lifecycle.database.repositories.deployment_tasks import open_or_restorable_condition
from lifecycle.database.session import SILENTLY, execute_counting, job_condition, require_found
from lifecycle.database.tables.deployment import (
    DeploymentPhaseRow,
    DeploymentRow,
    DeploymentTaskRow,
    JobInstanceRow,
)
from lifecycle.database.tables.job import JobRow
from lifecycle.domain.deployment import TaskStep, is_cancellation


class DeploymentRepository:
    """The rows of `registry_deployment`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(
        self, deployment: DeploymentDto, now: datetime, auth_subject_id: str | None = None
    ) -> None:
        """Insert a new deployment, which the subject of that id began."""
        values = deployment.model_dump(
            exclude={
                *("manifest_yaml", "job", "create_time", "update_time", "kind"),
                *("is_restorable", "is_serving", "is_cancelled", "phases"),
            }
        )
        row = DeploymentRow(
            **values,
            manifest=deployment.manifest_yaml,
            create_time=now,
            update_time=now,
            auth_subject_id=auth_subject_id,
        )
        self._session.add(row)
        self._session.flush()

    def find(self, deployment_id: str) -> DeploymentDto | None:
        """Return the deployment of that id, or None."""
        query = self._query().where(DeploymentRow.id == deployment_id)
        row = self._session.scalars(query.execution_options(populate_existing=True)).one_or_none()
        return read_deployment(row) if row else None

    def get(self, deployment_id: str) -> DeploymentDto:
        """Return the deployment of that id; raises EntityNotFound."""
        return require_found(self.find(deployment_id), f"there is no deployment {deployment_id}")

    def list_newest(
        self, limit: int, job_name: str = "", job_version: str = ""
    ) -> list[DeploymentDto]:
        """List deployments, the last changed first; `limit` 0 means no limit, an empty name or version means any."""
        query = self._query().order_by(DeploymentRow.update_time.desc(), DeploymentRow.id)
        if job_name:
            query = query.where(DeploymentRow.job_name == job_name)
        if job_version:
            query = query.where(DeploymentRow.job_version == job_version)
        rows = self._session.scalars(query.limit(limit) if limit else query)
        return [read_deployment(row) for row in rows]

    def list_begun_by(self, auth_subject_id: str, deployment_ids: Collection[str]) -> set[str]:
        """List the ids of those of these deployments that the subject began."""
        query = select(DeploymentRow.id).where(
            DeploymentRow.id.in_(deployment_ids), DeploymentRow.auth_subject_id == auth_subject_id
        )
        return set(self._session.scalars(query))

    def find_in_progress(self, job_name: str, job_version: str) -> DeploymentDto | None:
        """Return the open deployment of a job, or None; deployments without a task do not count."""
        query = (
            self._query()
            .join(DeploymentTaskRow, DeploymentTaskRow.deployment_id == DeploymentRow.id)
            .where(
                job_condition(DeploymentRow, job_name, job_version),
                DeploymentRow.status == DeploymentStatus.IN_PROGRESS,
                DeploymentTaskRow.step != TaskStep.ENDED,
            )
        )
        row = self._session.scalars(query.limit(1)).first()
        return read_deployment(row) if row else None

    def lock_job(self, job_name: str, job_version: str) -> None:
        """Block other transactions from adding a deployment of this job until this transaction ends."""
        if self._session.get_bind().dialect.name == "postgresql":
            key = text("SELECT pg_advisory_xact_lock(hashtextextended(:job, 0))")
            self._session.execute(key, {"job": f"{job_name} {job_version}"})
        else:  # SQLite has one writer: an update without effect makes this transaction the writer.
            statement = update(DeploymentRow).where(DeploymentRow.id == "").values(phase=None)
            execute_counting(self._session, statement)

    def set_phase(self, deployment_id: str, phase: str, now: datetime) -> None:
        """Store the phase that the deployment is in, and when it began."""
        self._update(deployment_id, phase=phase, update_time=now)
        row = DeploymentPhaseRow
        former = select(row.phase).where(row.deployment_id == deployment_id)
        if self._session.scalar(former.order_by(row.id.desc()).limit(1)) != phase:
            self._session.add(row(deployment_id=deployment_id, phase=phase, begin_time=now))
            self._session.flush()

    def list_phases(self, deployment_ids: Collection[str]) -> dict[str, list[DeploymentPhase]]:
        """List the phases of deployments by the ids of these, in their order."""
        row, phases = DeploymentPhaseRow, dict[str, list[DeploymentPhase]]()
        query = select(row.deployment_id, row.phase, row.begin_time).order_by(row.id)
        found = self._session.execute(query.where(row.deployment_id.in_(deployment_ids)))
        for deployment_id, phase, began in found:
            passed = DeploymentPhase(phase=phase, begin_time=began.timestamp())
            phases.setdefault(deployment_id, []).append(passed)
        return phases

    def append_warnings(self, deployment_id: str, warnings: str, now: datetime) -> None:
        """Append lines to the warnings of the deployment."""
        known = self.get(deployment_id).warnings
        joined = f"{known}\n{warnings}" if known else warnings
        self._update(deployment_id, warnings=joined, update_time=now)

    def set_image(self, deployment_id: str, image_name: str) -> None:
        """Store the name of the image that was built."""
        self._update_silently(deployment_id, image_name=image_name)

    def fail_interrupted(self, before: datetime, error: str, now: datetime) -> int:
        """Mark as failed the deployments without an open task that last changed before `before`; return how many."""
        open_tasks = select(DeploymentTaskRow.deployment_id).where(
            DeploymentTaskRow.step != TaskStep.ENDED
        )
        statement = update(DeploymentRow).where(
            DeploymentRow.status == DeploymentStatus.IN_PROGRESS,
            DeploymentRow.update_time < before,
            DeploymentRow.id.not_in(open_tasks),
        )
        values = {"status": DeploymentStatus.FAILED, "error": error, "update_time": now}
        return execute_counting(self._session, statement.values(**values))

    def remove_unneeded(self, before: datetime | None, newest: int | None, limit: int) -> int:
        """Delete ended deployments that are too old or too many, with their tasks; return how many were deleted.

        A deployment is too old when it last changed before `before`, and one too many when it is not among the `newest` of its
        job; None switches a rule off. Deployments that `_unneeded` leaves out are kept. At most `limit` are deleted at a time.
        """
        is_old = false() if before is None else DeploymentRow.update_time < before
        is_surplus = false() if newest is None else DeploymentRow.id.in_(_surplus(newest))
        query = _unneeded().where(is_old | is_surplus).limit(limit)
        ids = list(self._session.scalars(query))
        tasks = delete(DeploymentTaskRow).where(DeploymentTaskRow.deployment_id.in_(ids))
        execute_counting(self._session, tasks)
        return execute_counting(
            self._session, delete(DeploymentRow).where(DeploymentRow.id.in_(ids))
        )

    def has_build(self, deployment_id: str) -> bool:
        """Return whether the build of the deployment's image has begun."""
        query = select(DeploymentRow.build_logs.is_not(None)).where(
            DeploymentRow.id == deployment_id
        )
        return bool(self._session.scalar(query))

    def set_build_logs(self, deployment_id: str, logs: str) -> None:
        """Replace the build log of the deployment."""
        self._update_silently(deployment_id, build_logs=logs)

    def append_build_logs(self, deployment_id: str, logs: str) -> None:
        """Append text to the build log of the deployment."""
        self._update_silently(
            deployment_id, build_logs=func.coalesce(DeploymentRow.build_logs, "").concat(logs)
        )

    def get_build_logs(self, deployment_id: str) -> str:
        """Return the build log of the deployment, empty before the build has begun; raises EntityNotFound."""
        query = select(DeploymentRow.build_logs).where(DeploymentRow.id == deployment_id)
        row = require_found(
            self._session.execute(query).one_or_none(), f"there is no deployment {deployment_id}"
        )
        return row[0] or ""

    def find_build_logs(self, job_name: str, job_version: str) -> str | None:
        """Return the build log of the newest deployment of a job; None when the job has no deployment."""
        query = (
            select(func.coalesce(DeploymentRow.build_logs, ""))
            .where(job_condition(DeploymentRow, job_name, job_version))
            .order_by(DeploymentRow.update_time.desc(), DeploymentRow.create_time.desc())
        )
        return self._session.scalars(query.limit(1)).first()

    def _update(self, deployment_id: str, **values: object) -> None:
        statement = update(DeploymentRow).where(DeploymentRow.id == deployment_id)
        self._execute_update(deployment_id, statement.values(**values))

    def _update_silently(self, deployment_id: str, **values: object) -> None:
        statement = update(DeploymentRow).where(DeploymentRow.id == deployment_id)
        silent = statement.values(**values).execution_options(**SILENTLY)
        self._execute_update(deployment_id, silent)

    def _execute_update(self, deployment_id: str, statement: Update) -> None:
        if not execute_counting(self._session, statement):
            raise EntityNotFound(f"there is no deployment {deployment_id}")

    def _query(self) -> Select[DeploymentRow]:
        return select(DeploymentRow).options(defer(DeploymentRow.build_logs, raiseload=True))


class ImageRepository:
    """The images that jobs, instances and deployments refer to."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list_needed(self) -> list[JobImage]:
        """List the images of all jobs and instances, and of deployments that are open or that a rollback can restore."""
        task = DeploymentTaskRow
        of_jobs = select(JobRow.name, JobRow.image_tag)
        of_instances = select(JobInstanceRow.job_name, JobInstanceRow.image_tag)
        of_deployments = (
            select(DeploymentRow.job_name, task.image_tag)
            .join(task, task.deployment_id == DeploymentRow.id)
            .where(open_or_restorable_condition())
        )
        query: CompoundSelect[str, str | None] = union(of_jobs, of_instances, of_deployments)
        rows = self._session.execute(query)
        return [JobImage(job_name=name, image_tag=tag) for name, tag in rows if tag]


def _unneeded() -> Select[str]:
    """Select the ids of ended deployments on which nothing depends.

    A deployment is needed while an instance bears its id, while a rollback can restore it, when it is the newest that led to
    the present image of its job (it holds the image's names and source), and when it is the newest of its job (it holds the
    build log).
    """
    row, task, later, later_task = (
        DeploymentRow,
        DeploymentTaskRow,
        aliased(DeploymentRow),
        aliased(DeploymentTaskRow),
    )
    job = exists().where(JobRow.name == row.job_name, JobRow.version == row.job_version)
    of_job_later = (
        exists()
        .where(later.job_name == row.job_name, later.job_version == row.job_version)
        .where(later.update_time > row.update_time)
    )
    same_image_later = of_job_later.where(
        later_task.deployment_id == later.id, later_task.image_tag == task.image_tag
    )
    return (
        select(row.id)
        .outerjoin(task, task.deployment_id == row.id)
        .where(row.status != DeploymentStatus.IN_PROGRESS)
        .where(func.coalesce(open_or_restorable_condition(), false()).is_(false()))
        .where(row.id.not_in(select(JobInstanceRow.id)))
        .where(~job | of_job_later)
        .where(~job.where(JobRow.image_tag == task.image_tag) | same_image_later)
    )


def _surplus(newest: int) -> Select[str]:
    """Select the ids of all but the `newest` deployments of each job."""
    rank = func.row_number().over(
        partition_by=(DeploymentRow.job_name, DeploymentRow.job_version),
        order_by=(DeploymentRow.update_time.desc(), DeploymentRow.id),
    )
    ranked = select(DeploymentRow.id, rank.label("rank")).subquery()
    return select(ranked.c.id).where(ranked.c.rank > newest)


def read_deployment(row: DeploymentRow, *, with_manifest: bool = True) -> DeploymentDto:
    """Return a row as a deployment; its build log is not read, and its manifest only if it is wanted."""
    return DeploymentDto(
        id=row.id,
        status=DeploymentStatus(row.status),
        create_time=row.create_time,
        update_time=row.update_time,
        manifest_yaml=row.manifest if with_manifest else "",
        job_name=row.job_name,
        job_version=row.job_version,
        error=row.error,
        deployed_by=row.deployed_by,
        phase=row.phase,
        image_name=row.image_name,
        infrastructure_target=row.infrastructure_target,
        warnings=row.warnings,
        is_cancelled=is_cancellation(row.error),
    )
