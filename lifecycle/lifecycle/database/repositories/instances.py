"""Instances: the running copies of jobs."""

from datetime import datetime

from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.entities.dto import DeploymentStatus
from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from lifecycle.database.tables import DeploymentRow, JobInstanceRow
from lifecycle.domain.instance import InstanceState, JobInstance


class InstanceRepository:
    """The rows of `registry_jobinstance`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, instance_id: str) -> JobInstance | None:
        """Find one by its id."""
        row = self._session.get(JobInstanceRow, instance_id)
        return JobInstance.model_validate(row) if row else None

    def get(self, instance_id: str) -> JobInstance:
        """Return one by its id."""
        instance = self.find(instance_id)
        if instance is None:
            raise EntityNotFound(f"there is no instance {instance_id}")
        return instance

    def save(self, instance: JobInstance) -> None:
        """Insert or replace."""
        self._session.merge(JobInstanceRow(**instance.model_dump()))
        self._session.flush()

    def remove(self, instance_id: str) -> None:
        """Forget one; nothing happens when it is not there."""
        self._session.execute(delete(JobInstanceRow).where(JobInstanceRow.id == instance_id))

    def list_ids(self) -> set[str]:
        """List the ids of all instances, whatever their state."""
        return set(self._session.scalars(select(JobInstanceRow.id)))

    def list_of_job(self, job_name: str, job_version: str) -> list[JobInstance]:
        """List all instances of a job, whatever their state."""
        query = select(JobInstanceRow).where(
            JobInstanceRow.job_name == job_name, JobInstanceRow.job_version == job_version
        )
        return self._list(query.order_by(JobInstanceRow.create_time))

    def list_serving(self) -> list[JobInstance]:
        """List the instances that jobs are called on."""
        return self._list(
            select(JobInstanceRow).where(JobInstanceRow.state == InstanceState.SERVING)
        )

    def find_serving_id(self, job_name: str, job_version: str) -> str | None:
        """Find the instance that a job is called on: its id is that of the deployment that made it."""
        query = select(JobInstanceRow.id).where(
            JobInstanceRow.job_name == job_name,
            JobInstanceRow.job_version == job_version,
            JobInstanceRow.state == InstanceState.SERVING,
        )
        return self._session.scalars(query.limit(1)).first()

    def list_drained(self, now: datetime) -> list[JobInstance]:
        """List those that may be stopped now."""
        query = select(JobInstanceRow).where(
            JobInstanceRow.state == InstanceState.DRAINING, JobInstanceRow.drain_until <= now
        )
        return self._list(query)

    def list_abandoned(self) -> list[JobInstance]:
        """List those that a deployment was starting when it ended."""
        at_work = select(DeploymentRow.id).where(
            DeploymentRow.status == DeploymentStatus.IN_PROGRESS
        )
        query = select(JobInstanceRow).where(
            JobInstanceRow.state == InstanceState.STARTING, JobInstanceRow.id.not_in(at_work)
        )
        return self._list(query)

    def _list(self, query: Select[JobInstanceRow]) -> list[JobInstance]:
        return [JobInstance.model_validate(row) for row in self._session.scalars(query)]
