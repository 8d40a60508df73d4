"""Tasks of deployments, the leases under which workers carry them on, and the source bundles that they build from."""

from datetime import datetime

from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.entities.dto import DeploymentStatus
from sqlalchemy import ColumnElement, Select, case, delete, func, select, update
from sqlalchemy.orm import Session

from lifecycle.database.session import execute_counting, insert_if_absent
from lifecycle.database.tables.deployment import DeploymentRow, DeploymentTaskRow, SourceBundleRow
from lifecycle.database.tables.job import JobRow
from lifecycle.domain.deployment import DeploymentTask, Lease, LeaseLost, TaskKind, TaskStep


class DeploymentTaskRepository:
    """Tasks of deployments."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, task: DeploymentTask) -> None:
        """Insert a new task."""
        self._session.add(DeploymentTaskRow(**task.model_dump()))
        self._session.flush()

    def find(self, deployment_id: str) -> DeploymentTask | None:
        """Find a task; deployments made before there were tasks have none."""
        row = self._session.get(DeploymentTaskRow, deployment_id, populate_existing=True)
        return DeploymentTask.model_validate(row) if row else None

    def get(self, deployment_id: str) -> DeploymentTask:
        """Return a task."""
        task = self.find(deployment_id)
        if task is None:
            raise EntityNotFound(f"deployment {deployment_id} has no task")
        return task

    def list_open(self) -> list[DeploymentTask]:
        """List what is still to be done, oldest first."""
        query = (
            select(DeploymentTaskRow)
            .where(DeploymentTaskRow.step != TaskStep.ENDED)
            .order_by(DeploymentTaskRow.created_at, DeploymentTaskRow.deployment_id)
        )
        return [DeploymentTask.model_validate(row) for row in self._session.scalars(query)]

    def list_image_names(self, job_name: str, job_version: str, image_tag: str | None) -> list[str]:
        """Find the full names of the images that a tag of a job stands for."""
        query = (
            select(DeploymentTaskRow)
            .join(DeploymentRow, DeploymentRow.id == DeploymentTaskRow.deployment_id)
            .where(
                DeploymentRow.job_name == job_name,
                DeploymentRow.job_version == job_version,
                DeploymentTaskRow.image_tag == image_tag,
            )
            .order_by(DeploymentTaskRow.created_at.desc())
        )
        row = self._session.scalars(query.limit(1)).first()
        return row.image_names if row else []

    def claim(self, seen: DeploymentTask, owner: str, expires_at: datetime) -> Lease | None:
        """Take a task as it was seen; None when somebody else was faster."""
        free = (
            select(DeploymentTaskRow.deployment_id)
            .where(
                DeploymentTaskRow.deployment_id == seen.deployment_id,
                DeploymentTaskRow.attempt == seen.attempt,
                DeploymentTaskRow.step != TaskStep.ENDED,
            )
            .with_for_update(skip_locked=True)  # Says nothing on SQLite, which has one writer.
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
        """Make the lease last longer, and lock the task until commit.

        LeaseLost when another worker has it.
        """
        self._change(lease, lease_expires_at=expires_at)

    def release(self, lease: Lease, claimable_at: datetime) -> None:
        """Give the lease back; another worker may claim the task from then on."""
        self._change(lease, lease_owner=None, lease_expires_at=claimable_at)

    def advance(self, lease: Lease, step: TaskStep) -> None:
        """Say what is to be done next."""
        self._change(lease, step=step)

    def store_image(
        self, lease: Lease, image_tag: str, image_names: list[str], job_type_version: str
    ) -> None:
        """Remember what was built."""
        self._change(
            lease,
            image_tag=image_tag,
            image_names=image_names,
            job_type_version=job_type_version,
        )

    def end_failed(self, lease: Lease, error: str, now: datetime) -> None:
        """End a deployment as failed; it keeps its last phase, and its secrets are removed."""
        self._end(lease, secrets=None)
        self._set_outcome(lease, now, status=DeploymentStatus.FAILED, error=error)

    def end_done(self, lease: Lease, now: datetime) -> None:
        """End a deployment as done, without a way back to it: its secrets are removed."""
        self._end(lease, secrets=None)
        self._set_outcome(lease, now, status=DeploymentStatus.DONE, error=None, phase=None)

    def end_restorable(self, lease: Lease, now: datetime) -> None:
        """End a deployment as done, so that a rollback can restore it: its secrets are kept."""
        self._end(lease)
        self._set_outcome(lease, now, status=DeploymentStatus.DONE, error=None, phase=None)

    def list_restorable(self, job_name: str, job_version: str) -> list[DeploymentTask]:
        """List the ended deployments of a job that can be rolled back to, the newest first."""
        query = (
            select(DeploymentTaskRow)
            .join(DeploymentRow, DeploymentRow.id == DeploymentTaskRow.deployment_id)
            .where(
                is_restorable(),
                DeploymentRow.job_name == job_name,
                DeploymentRow.job_version == job_version,
            )
            .order_by(DeploymentTaskRow.created_at.desc(), DeploymentTaskRow.deployment_id)
        )
        return [DeploymentTask.model_validate(row) for row in self._session.scalars(query)]

    def forget_restorable_of_job(self, job_name: str, job_version: str) -> None:
        """Let nobody go back to the deployments of a job: it is gone."""
        of_job = select(DeploymentRow.id).where(
            DeploymentRow.job_name == job_name, DeploymentRow.job_version == job_version
        )
        self._forget_secrets(of_job)

    def forget_restorable_beyond(self, newest: int, reconciler: str) -> int:
        """Keep only so many deployments of each job to go back to; count those that were forgotten.

        Rollbacks, and what the reconciler did, repeat others and take no one's place; the newest of them may be what serves.
        """
        repeats = (DeploymentTaskRow.kind == TaskKind.ROLLBACK) | (
            (DeploymentTaskRow.kind == TaskKind.REPROVISION)
            & (DeploymentRow.deployed_by == reconciler)
        )
        is_repeat = case((repeats, 1), else_=0)
        age = func.row_number().over(
            partition_by=(DeploymentRow.job_name, DeploymentRow.job_version, is_repeat),
            order_by=(DeploymentTaskRow.created_at.desc(), DeploymentTaskRow.deployment_id),
        )
        ranked = (
            select(DeploymentTaskRow.deployment_id, age.label("age"), is_repeat.label("is_repeat"))
            .join(DeploymentRow, DeploymentRow.id == DeploymentTaskRow.deployment_id)
            .where(is_restorable())
            .subquery()
        )
        kept = case((ranked.c.is_repeat == 1, min(1, newest)), else_=newest)
        return self._forget_secrets(select(ranked.c.deployment_id).where(ranked.c.age > kept))

    def _forget_secrets(self, deployment_ids: Select[str]) -> int:
        statement = update(DeploymentTaskRow).where(
            DeploymentTaskRow.deployment_id.in_(deployment_ids), is_restorable()
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


def is_restorable() -> ColumnElement[bool]:
    """Tell of a task whether a rollback may bring back what it led to."""
    return (DeploymentTaskRow.step == TaskStep.ENDED) & DeploymentTaskRow.secrets.is_not(None)


def is_open_or_restorable() -> ColumnElement[bool]:
    """Tell of a task whether its deployment goes on, or a rollback may bring back what it led to."""
    return (DeploymentTaskRow.step != TaskStep.ENDED) | is_restorable()


class BundleRepository:
    """The rows of `registry_sourcebundle`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, digest: str, content: bytes, now: datetime) -> None:
        """Keep a bundle; one that is there already is kept longer."""
        values = {"digest": digest, "content": content, "size": len(content), "create_time": now}
        insert_if_absent(self._session, SourceBundleRow, values, "digest")
        statement = update(SourceBundleRow).where(SourceBundleRow.digest == digest)
        execute_counting(self._session, statement.values(create_time=now))

    def find(self, digest: str) -> bytes | None:
        """Find the bytes of a bundle."""
        query = select(SourceBundleRow.content).where(SourceBundleRow.digest == digest)
        return self._session.scalars(query).one_or_none()

    def find_digest_of_job(self, image_tag: str, job_name: str, job_version: str) -> str | None:
        """Find what the image of a job was built from; None when it came from git."""
        query = (
            select(DeploymentTaskRow.source_digest)
            .join(DeploymentRow, DeploymentRow.id == DeploymentTaskRow.deployment_id)
            .where(
                DeploymentRow.job_name == job_name,
                DeploymentRow.job_version == job_version,
                DeploymentTaskRow.image_tag == image_tag,
                DeploymentTaskRow.source_digest.is_not(None),
            )
            .order_by(DeploymentTaskRow.created_at.desc())
        )
        return self._session.scalars(query.limit(1)).first()

    def remove_unused(self, before: datetime) -> int:
        """Forget bundles from before that moment that no task and no job needs; count them.

        Tasks need theirs while they are open, and as long as they can be rolled back to.
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
