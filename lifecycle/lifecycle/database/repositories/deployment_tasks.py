"""Tasks of deployments, the leases under which workers carry them on, and the source bundles that they build from."""

from collections.abc import Collection
from datetime import datetime

from racetrack_commons.entities.dto import DeploymentStatus
from sqlalchemy import ColumnElement, Select, case, delete, func, select, update
from sqlalchemy.orm import Session

from lifecycle.database.session import (
    execute_counting,
    insert_if_absent,
    job_condition,
    require_found,
)
from lifecycle.database.tables.deployment import DeploymentRow, DeploymentTaskRow, SourceBundleRow
from lifecycle.database.tables.job import JobRow
from lifecycle.domain.deployment import DeploymentTask, Lease, LeaseLost, TaskKind, TaskStep
from lifecycle.domain.stored_amount import StoredAmount


class DeploymentTaskRepository:
    """The rows of `registry_deploymenttask`; each change under a lease raises LeaseLost when another worker holds the task."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, task: DeploymentTask) -> None:
        """Insert a new task."""
        self._session.add(DeploymentTaskRow(**task.model_dump()))
        self._session.flush()

    def find(self, deployment_id: str) -> DeploymentTask | None:
        """Return the task of a deployment, or None: deployments of older releases have none."""
        row = self._session.get(DeploymentTaskRow, deployment_id, populate_existing=True)
        return DeploymentTask.model_validate(row) if row else None

    def get(self, deployment_id: str) -> DeploymentTask:
        """Return the task of a deployment; raises EntityNotFound."""
        return require_found(self.find(deployment_id), f"deployment {deployment_id} has no task")

    def list_open(self) -> list[DeploymentTask]:
        """List the tasks that have not ended, the oldest first."""
        query = (
            select(DeploymentTaskRow)
            .where(DeploymentTaskRow.step != TaskStep.ENDED)
            .order_by(DeploymentTaskRow.created_at, DeploymentTaskRow.deployment_id)
        )
        return [DeploymentTask.model_validate(row) for row in self._session.scalars(query)]

    def measure_open(self, auth_subject_id: str | None) -> StoredAmount:
        """Return how many deployments of a subject have not ended, and the bytes of their sources."""
        query = (
            select(func.count(), func.coalesce(func.sum(SourceBundleRow.size), 0))
            .select_from(DeploymentTaskRow)
            .outerjoin(SourceBundleRow, SourceBundleRow.digest == DeploymentTaskRow.source_digest)
            .where(
                DeploymentTaskRow.step != TaskStep.ENDED,
                DeploymentTaskRow.auth_subject_id == auth_subject_id,
            )
        )
        count, source_bytes = self._session.execute(query).one()
        return StoredAmount(count, int(source_bytes))

    def list_image_names(self, job_name: str, job_version: str, image_tag: str | None) -> list[str]:
        """List the full names of the images of a job with that tag, as the newest deployment has them."""
        query = (
            select(DeploymentTaskRow)
            .join(DeploymentRow, DeploymentRow.id == DeploymentTaskRow.deployment_id)
            .where(
                job_condition(DeploymentRow, job_name, job_version),
                DeploymentTaskRow.image_tag == image_tag,
            )
            .order_by(DeploymentTaskRow.created_at.desc())
        )
        row = self._session.scalars(query.limit(1)).first()
        return row.image_names if row else []

    def claim(self, seen: DeploymentTask, owner: str, expires_at: datetime) -> Lease | None:
        """Claim a task for `owner`; return the lease, or None when another worker has claimed it since it was `seen`."""
        free = (
            select(DeploymentTaskRow.deployment_id)
            .where(
                DeploymentTaskRow.deployment_id == seen.deployment_id,
                DeploymentTaskRow.attempt == seen.attempt,
                DeploymentTaskRow.step != TaskStep.ENDED,
            )
            .with_for_update(skip_locked=True)  # Without effect on SQLite, which has one writer.
        )
        attempt = seen.attempt + 1
        statement = (
            update(DeploymentTaskRow)
            .where(DeploymentTaskRow.deployment_id.in_(free))
            .values(attempt=attempt, lease_owner=owner, lease_expires_at=expires_at)
        )
        if not execute_counting(self._session, statement):
            return None
        return Lease(seen.deployment_id, owner, attempt)

    def renew(self, lease: Lease, expires_at: datetime) -> None:
        """Extend the lease until `expires_at`, and lock the task until the commit; raises LeaseLost."""
        self._change(lease, lease_expires_at=expires_at)

    def release(self, lease: Lease, claimable_at: datetime) -> None:
        """Give the lease up; other workers can claim the task from `claimable_at` on. Raises LeaseLost."""
        self._change(lease, lease_owner=None, lease_expires_at=claimable_at)

    def advance(self, lease: Lease, step: TaskStep) -> None:
        """Store the next step of the task; raises LeaseLost."""
        self._change(lease, step=step)

    def store_image(
        self, lease: Lease, image_tag: str, image_names: list[str], job_type_version: str
    ) -> None:
        """Store the image that was built; raises LeaseLost."""
        self._change(
            lease,
            image_tag=image_tag,
            image_names=image_names,
            job_type_version=job_type_version,
        )

    def end_failed(self, lease: Lease, error: str, now: datetime) -> None:
        """End a deployment as failed: it keeps its last phase, and its secrets are deleted. Raises LeaseLost."""
        self._end(lease, secrets=None)
        self._set_outcome(lease, now, status=DeploymentStatus.FAILED, error=error)

    def end_done(self, lease: Lease, now: datetime) -> None:
        """End a deployment as done, without a way back to it: its secrets are deleted. Raises LeaseLost."""
        self._end(lease, secrets=None)
        self._set_outcome(lease, now, status=DeploymentStatus.DONE, error=None, phase=None)

    def end_restorable(self, lease: Lease, now: datetime) -> None:
        """End a deployment as done, so that a rollback can restore it: its secrets are kept. Raises LeaseLost."""
        self._end(lease)
        self._set_outcome(lease, now, status=DeploymentStatus.DONE, error=None, phase=None)

    def end_cancelled(self, deployment_id: str, reason: str, now: datetime) -> bool:
        """End a deployment as failed, whichever worker holds it; return False when it serves already, or has ended."""
        statement = update(DeploymentTaskRow).where(
            DeploymentTaskRow.deployment_id == deployment_id,
            DeploymentTaskRow.step.not_in((TaskStep.FINISH, TaskStep.ENDED)),
        )
        ended = {"step": TaskStep.ENDED, "lease_owner": None, "lease_expires_at": None}
        if not execute_counting(self._session, statement.values(secrets=None, **ended)):
            return False
        outcome = {"status": DeploymentStatus.FAILED, "error": reason, "update_time": now}
        of_deployment = update(DeploymentRow).where(DeploymentRow.id == deployment_id)
        execute_counting(self._session, of_deployment.values(**outcome))
        return True

    def list_kinds(self, deployment_ids: Collection[str]) -> dict[str, tuple[TaskKind, bool]]:
        """Return the kind of each of these deployments, and whether a rollback can restore it, by id."""
        query = select(
            DeploymentTaskRow.deployment_id, DeploymentTaskRow.kind, restorable_condition()
        ).where(DeploymentTaskRow.deployment_id.in_(deployment_ids))
        rows = self._session.execute(query)
        return {each: (TaskKind(kind), bool(restorable)) for each, kind, restorable in rows}

    def list_restorable(self, job_name: str, job_version: str) -> list[DeploymentTask]:
        """List the tasks of a job that a rollback can restore, the newest first."""
        query = (
            select(DeploymentTaskRow)
            .join(DeploymentRow, DeploymentRow.id == DeploymentTaskRow.deployment_id)
            .where(
                restorable_condition(),
                job_condition(DeploymentRow, job_name, job_version),
            )
            .order_by(DeploymentTaskRow.created_at.desc(), DeploymentTaskRow.deployment_id)
        )
        return [DeploymentTask.model_validate(row) for row in self._session.scalars(query)]

    def delete_secrets_of_job(self, job_name: str, job_version: str) -> None:
        """Delete the secrets of all ended deployments of a deleted job, so that no rollback can restore them."""
        of_job = select(DeploymentRow.id).where(job_condition(DeploymentRow, job_name, job_version))
        self._delete_secrets(of_job)

    def delete_secrets_beyond(self, newest: int, reconciler: str) -> int:
        """Keep the `newest` restorable deployments of each job; delete the secrets of the others and return how many.

        Rollbacks, and redeployments by the `reconciler`, repeat other deployments and are not counted among the `newest`; of
        them the newest one is kept as well, because it may be the deployment that serves.
        """
        repeats = (DeploymentTaskRow.kind == TaskKind.ROLLBACK) | (
            (DeploymentTaskRow.kind == TaskKind.REPROVISION)
            & (DeploymentRow.deployed_by == reconciler)
            & DeploymentTaskRow.auth_subject_id.is_(None)  # A user may have the service's name.
        )
        is_repeat = case((repeats, 1), else_=0)
        age = func.row_number().over(
            partition_by=(DeploymentRow.job_name, DeploymentRow.job_version, is_repeat),
            order_by=(DeploymentTaskRow.created_at.desc(), DeploymentTaskRow.deployment_id),
        )
        ranked = (
            select(DeploymentTaskRow.deployment_id, age.label("age"), is_repeat.label("is_repeat"))
            .join(DeploymentRow, DeploymentRow.id == DeploymentTaskRow.deployment_id)
            .where(restorable_condition())
            .subquery()
        )
        kept = case((ranked.c.is_repeat == 1, min(1, newest)), else_=newest)
        return self._delete_secrets(select(ranked.c.deployment_id).where(ranked.c.age > kept))

    def _delete_secrets(self, deployment_ids: Select[str]) -> int:
        statement = update(DeploymentTaskRow).where(
            DeploymentTaskRow.deployment_id.in_(deployment_ids), restorable_condition()
        )
        return execute_counting(self._session, statement.values(secrets=None))

    def _end(self, lease: Lease, **values: object) -> None:
        free = {"lease_owner": None, "lease_expires_at": None}
        self._change(lease, step=TaskStep.ENDED, **free, **values)

    def _set_outcome(self, lease: Lease, now: datetime, **values: object) -> None:
        statement = update(DeploymentRow).where(DeploymentRow.id == lease.deployment_id)
        execute_counting(self._session, statement.values(update_time=now, **values))

    def _change(self, lease: Lease, **values: object) -> None:
        statement = (
            update(DeploymentTaskRow)
            .where(
                DeploymentTaskRow.deployment_id == lease.deployment_id,
                DeploymentTaskRow.attempt == lease.attempt,
                DeploymentTaskRow.lease_owner == lease.owner,
                DeploymentTaskRow.step != TaskStep.ENDED,
            )
            .values(**values)
        )
        if not execute_counting(self._session, statement):
            raise LeaseLost(f"another worker has taken over deployment {lease.deployment_id}")


def restorable_condition() -> ColumnElement[bool]:
    """Return the condition that a rollback can restore the deployment of a task."""
    return (DeploymentTaskRow.step == TaskStep.ENDED) & DeploymentTaskRow.secrets.is_not(None)


def open_or_restorable_condition() -> ColumnElement[bool]:
    """Return the condition that the deployment of a task is open, or that a rollback can restore it."""
    return (DeploymentTaskRow.step != TaskStep.ENDED) | restorable_condition()


class BundleRepository:
    """The rows of `registry_sourcebundle`: packed source directories by their digest."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, digest: str, content: bytes, now: datetime) -> None:
        """Store a bundle; a bundle that is stored already gets a new time, so that it is kept longer."""
        values = {"digest": digest, "content": content, "size": len(content), "create_time": now}
        insert_if_absent(self._session, SourceBundleRow, values, "digest")
        statement = update(SourceBundleRow).where(SourceBundleRow.digest == digest)
        execute_counting(self._session, statement.values(create_time=now))

    def find(self, digest: str) -> bytes | None:
        """Return the bytes of a bundle, or None."""
        query = select(SourceBundleRow.content).where(SourceBundleRow.digest == digest)
        return self._session.scalars(query).one_or_none()

    def find_digest_of_job(self, image_tag: str, job_name: str, job_version: str) -> str | None:
        """Return the digest of the bundle that the image of a job was built from; None when it was built from git."""
        query = (
            select(DeploymentTaskRow.source_digest)
            .join(DeploymentRow, DeploymentRow.id == DeploymentTaskRow.deployment_id)
            .where(
                job_condition(DeploymentRow, job_name, job_version),
                DeploymentTaskRow.image_tag == image_tag,
                DeploymentTaskRow.source_digest.is_not(None),
            )
            .order_by(DeploymentTaskRow.created_at.desc())
        )
        return self._session.scalars(query.limit(1)).first()

    def remove_unused(self, before: datetime) -> int:
        """Delete the bundles stored before `before` that no task and no job needs; return how many.

        A task needs its bundle while it is open, and as long as a rollback can restore it.
        """
        tasks = select(DeploymentTaskRow.source_digest).where(
            (DeploymentTaskRow.step != TaskStep.ENDED) | DeploymentTaskRow.secrets.is_not(None),
            DeploymentTaskRow.source_digest.is_not(None),
        )
        jobs = (
            select(DeploymentTaskRow.source_digest)
            .join(DeploymentRow, DeploymentRow.id == DeploymentTaskRow.deployment_id)
            .join(
                JobRow,
                (JobRow.name == DeploymentRow.job_name)
                & (JobRow.version == DeploymentRow.job_version)
                & (JobRow.image_tag == DeploymentTaskRow.image_tag),
            )
            .where(DeploymentTaskRow.source_digest.is_not(None))
        )
        statement = delete(SourceBundleRow).where(
            SourceBundleRow.create_time < before,
            SourceBundleRow.digest.not_in(tasks),
            SourceBundleRow.digest.not_in(jobs),
        )
        return execute_counting(self._session, statement)
