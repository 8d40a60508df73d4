"""Processes that run jobs on this machine."""

from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from lifecycle.database.statements import execute_counting
from lifecycle.database.tables import JobProcessRow
from lifecycle.domain.instance import JobProcess, ProcessState


class ProcessRepository:
    """The rows of `registry_jobprocess`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list_of_instance(self, instance_id: str) -> list[JobProcess]:
        """List the replicas of an instance in their order."""
        query = select(JobProcessRow).where(JobProcessRow.instance_id == instance_id)
        rows = self._session.scalars(query.order_by(JobProcessRow.replica))
        return [JobProcess.model_validate(row) for row in rows]

    def list_all(self) -> list[JobProcess]:
        """List every process."""
        rows = self._session.scalars(select(JobProcessRow).order_by(JobProcessRow.create_time))
        return [JobProcess.model_validate(row) for row in rows]

    def list_ports(self) -> set[int]:
        """List the ports that are given away."""
        return set(self._session.scalars(select(JobProcessRow.port)))

    def add(self, process: JobProcess) -> None:
        """Insert one; AlreadyExists when another took the port first."""
        self._session.add(JobProcessRow(**process.model_dump()))
        self._session.flush()

    def mark_started(self, process_id: str, pid: int, create_time: float) -> bool:
        """Note which process a row became; false when it is to be stopped, or is gone, meanwhile."""
        statement = (
            update(JobProcessRow)
            .where(JobProcessRow.id == process_id, JobProcessRow.state != ProcessState.STOPPING)
            .values(pid=pid, pid_create_time=create_time, state=ProcessState.STARTED)
        )
        return execute_counting(self._session, statement) > 0

    def claim_restart(self, process: JobProcess, next_start_at: datetime) -> bool:
        """Claim the restart of a dead process, against others who saw it dead too; false when they were first."""
        statement = (
            update(JobProcessRow)
            .where(JobProcessRow.id == process.id, JobProcessRow.restarts == process.restarts)
            .where(JobProcessRow.state != ProcessState.STOPPING)
            .values(restarts=process.restarts + 1, next_start_at=next_start_at)
        )
        return execute_counting(self._session, statement) > 0

    def mark_stopping(self, instance_id: str) -> None:
        """Let nobody start the replicas of an instance again."""
        statement = update(JobProcessRow).where(JobProcessRow.instance_id == instance_id)
        self._session.execute(statement.values(state=ProcessState.STOPPING))

    def remove_instance(self, instance_id: str) -> None:
        """Forget the replicas of an instance."""
        self._session.execute(delete(JobProcessRow).where(JobProcessRow.instance_id == instance_id))
