"""Instances of jobs, the specifications they were started from, and the processes that run their replicas."""

from collections.abc import Collection
from datetime import datetime

from racetrack_commons.entities.dto import DeploymentStatus
from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session

from lifecycle.database.session import execute_counting, job_condition, require_found
from lifecycle.database.tables.deployment import (
    DeploymentRow,
    InstanceSpecRow,
    JobInstanceRow,
    JobProcessRow,
    JobUserRow,
)
from lifecycle.domain.instance import InstanceState, JobInstance, JobProcess, ProcessState


class InstanceRepository:
    """The rows of `registry_jobinstance`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, instance_id: str) -> JobInstance | None:
        """Return the instance of that id, or None."""
        row = self._session.get(JobInstanceRow, instance_id)
        return JobInstance.model_validate(row) if row else None

    def get(self, instance_id: str) -> JobInstance:
        """Return the instance of that id; raises EntityNotFound."""
        return require_found(self.find(instance_id), f"there is no instance {instance_id}")

    def save(self, instance: JobInstance) -> None:
        """Insert or replace an instance."""
        self._session.merge(JobInstanceRow(**instance.model_dump()))
        self._session.flush()

    def remove(self, instance_id: str) -> None:
        """Delete an instance; nothing happens when there is none of that id."""
        self._session.execute(delete(JobInstanceRow).where(JobInstanceRow.id == instance_id))

    def list_ids(self) -> set[str]:
        """Return the ids of all instances, in any state."""
        return set(self._session.scalars(select(JobInstanceRow.id)))

    def list_of_job(self, job_name: str, job_version: str) -> list[JobInstance]:
        """List all instances of a job, in any state, the oldest first."""
        query = select(JobInstanceRow).where(job_condition(JobInstanceRow, job_name, job_version))
        return self._list(query.order_by(JobInstanceRow.create_time))

    def list_serving(self, target: str | None = None) -> list[JobInstance]:
        """List the instances that receive calls, those of one target if it is named."""
        # Thousands of rows with an identity in the session take longer than their columns.
        query = select(*(getattr(JobInstanceRow, name) for name in JobInstance.model_fields))
        query = query.where(JobInstanceRow.state == InstanceState.SERVING)
        if target is not None:
            query = query.where(JobInstanceRow.infrastructure_target == target)
        return [JobInstance.model_validate(row) for row in self._session.execute(query)]

    def find_serving(self, job_name: str, job_version: str) -> JobInstance | None:
        """Return the instance that receives the calls of a job, or None."""
        query = select(JobInstanceRow).where(
            job_condition(JobInstanceRow, job_name, job_version),
            JobInstanceRow.state == InstanceState.SERVING,
        )
        return next(iter(self._list(query.limit(1))), None)

    def find_serving_id(self, job_name: str, job_version: str) -> str | None:
        """Return the id of the instance that receives the calls of a job, or None; its deployment has the same id."""
        serving = self.find_serving(job_name, job_version)
        return serving.id if serving else None

    def list_serving_ids(self, instance_ids: Collection[str]) -> set[str]:
        """Return those of the ids whose instances receive the calls of their jobs."""
        query = select(JobInstanceRow.id).where(
            JobInstanceRow.id.in_(instance_ids), JobInstanceRow.state == InstanceState.SERVING
        )
        return set(self._session.scalars(query))

    def list_drained(self, now: datetime) -> list[JobInstance]:
        """List the draining instances that are to be asked to end now."""
        query = select(JobInstanceRow).where(
            JobInstanceRow.state == InstanceState.DRAINING, JobInstanceRow.drain_until <= now
        )
        return self._list(query)

    def list_ending(self) -> list[JobInstance]:
        """List the instances that were asked to end."""
        return self._list(
            select(JobInstanceRow).where(JobInstanceRow.state == InstanceState.ENDING)
        )

    def mark_ending(self, instance_id: str, until: datetime) -> None:
        """Make a draining instance an ending one; nothing happens when it is in another state, or gone."""
        statement = update(JobInstanceRow).where(
            JobInstanceRow.id == instance_id, JobInstanceRow.state == InstanceState.DRAINING
        )
        values = {"state": InstanceState.ENDING, "drain_until": until}
        self._session.execute(statement.values(values))

    def list_abandoned(self) -> list[JobInstance]:
        """List the starting instances without an open deployment."""
        at_work = select(DeploymentRow.id).where(
            DeploymentRow.status == DeploymentStatus.IN_PROGRESS
        )
        query = select(JobInstanceRow).where(
            JobInstanceRow.state == InstanceState.STARTING, JobInstanceRow.id.not_in(at_work)
        )
        return self._list(query)

    def _list(self, query: Select[JobInstanceRow]) -> list[JobInstance]:
        return [JobInstance.model_validate(row) for row in self._session.scalars(query)]


class InstanceSpecRepository:
    """The rows of `registry_instancespec`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, instance_id: str) -> bytes | None:
        """Return the encrypted specification of an instance, or None."""
        row = self._session.get(InstanceSpecRow, instance_id)
        return row.content if row else None

    def save(self, instance_id: str, content: bytes) -> None:
        """Insert or replace the encrypted specification of an instance."""
        self._session.merge(InstanceSpecRow(instance_id=instance_id, content=content))
        self._session.flush()

    def remove(self, instance_id: str) -> None:
        """Delete the specification of an instance; nothing happens when there is none."""
        self._session.execute(
            delete(InstanceSpecRow).where(InstanceSpecRow.instance_id == instance_id)
        )


class ProcessRepository:
    """The rows of `registry_jobprocess`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list_of_instance(self, instance_id: str) -> list[JobProcess]:
        """List the processes of an instance in the order of its replicas."""
        query = select(JobProcessRow).where(JobProcessRow.instance_id == instance_id)
        rows = self._session.scalars(query.order_by(JobProcessRow.replica))
        return [JobProcess.model_validate(row) for row in rows]

    def list_all(self) -> list[JobProcess]:
        """List the processes of all instances, the oldest first."""
        rows = self._session.scalars(select(JobProcessRow).order_by(JobProcessRow.create_time))
        return [JobProcess.model_validate(row) for row in rows]

    def list_ports(self) -> set[int]:
        """Return the ports that are reserved for processes."""
        return set(self._session.scalars(select(JobProcessRow.port)))

    def add(self, process: JobProcess) -> None:
        """Insert a process; raises AlreadyExists when its port is reserved for another."""
        self._session.add(JobProcessRow(**process.model_dump()))
        self._session.flush()

    def move(self, process_id: str, port: int) -> None:
        """Reserve another port for a process; raises AlreadyExists when that one is reserved for another."""
        statement = update(JobProcessRow).where(JobProcessRow.id == process_id)
        self._session.execute(statement.values(port=port))

    def mark_started(self, process_id: str, pid: int, create_time: float) -> bool:
        """Store the pid of a started process; return False when it is being stopped, or was deleted, in the meantime."""
        statement = (
            update(JobProcessRow)
            .where(JobProcessRow.id == process_id, JobProcessRow.state != ProcessState.STOPPING)
            .values(pid=pid, pid_create_time=create_time, state=ProcessState.STARTED)
        )
        return execute_counting(self._session, statement) > 0

    def claim_restart(self, process: JobProcess, next_start_at: datetime) -> bool:
        """Claim the restart of a dead process; return False when it is being stopped, or another claimed its restart first."""
        statement = (
            update(JobProcessRow)
            .where(JobProcessRow.id == process.id, JobProcessRow.restarts == process.restarts)
            .where(JobProcessRow.state != ProcessState.STOPPING)
            .values(restarts=process.restarts + 1, next_start_at=next_start_at)
        )
        return execute_counting(self._session, statement) > 0

    def note_memory(
        self, process_id: str, peak_bytes: int | None, memory_kill: str | None = None
    ) -> None:
        """Store the most memory that a process has used, and how it was killed for want of more, if it was."""
        values: dict[str, object] = {"peak_memory_bytes": peak_bytes}
        if memory_kill is not None:
            values["memory_kill"] = memory_kill
        statement = update(JobProcessRow).where(JobProcessRow.id == process_id)
        self._session.execute(statement.values(**values))

    def mark_stopping(self, instance_id: str) -> None:
        """Mark the processes of an instance as stopping, so that they are not started again."""
        statement = update(JobProcessRow).where(JobProcessRow.instance_id == instance_id)
        self._session.execute(statement.values(state=ProcessState.STOPPING))

    def remove_of_instance(self, instance_id: str) -> None:
        """Delete the processes of an instance."""
        self._session.execute(delete(JobProcessRow).where(JobProcessRow.instance_id == instance_id))


class JobUserRepository:
    """The rows of `registry_jobuser`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, family: str) -> int | None:
        """Return the number of the user that a job family has, or None."""
        row = self._session.get(JobUserRow, family)
        return row.user_id if row else None

    def list_taken(self) -> set[int]:
        """Return the numbers of all users that job families have."""
        return set(self._session.scalars(select(JobUserRow.user_id)))

    def add(self, family: str, user_id: int) -> None:
        """Insert the user of a family; raises AlreadyExists when the family has one, or another family has this one."""
        self._session.add(JobUserRow(family=family, user_id=user_id))
        self._session.flush()
