"""Logs streamer of the target `docker`."""

from collections.abc import Callable

from lifecycle.infrastructure.docker.connection import EngineConnection
from lifecycle.infrastructure.docker.deployer import DockerDeployer
from lifecycle.infrastructure.docker.labels import JobContainer
from lifecycle.infrastructure.docker.log_session import LogReader, LogSession
from lifecycle.infrastructure.docker.monitor import DockerMonitor
from lifecycle.monitor.base import LogsStreamer


class DockerLogsStreamer(LogsStreamer):
    """Follows all replicas of a job, also those of the instance that replaces it."""

    def __init__(
        self, deployer: DockerDeployer, monitor: DockerMonitor, connection: EngineConnection
    ) -> None:
        self._deployer = deployer
        self._monitor = monitor
        self._connection = connection
        self._sessions: dict[str, LogSession] = {}

    def create_session(
        self,
        session_id: str,
        resource_properties: dict[str, str],
        on_next_line: Callable[[str, str], None],
    ) -> None:
        """Begin to follow."""
        name, version = resource_properties["job_name"], resource_properties["job_version"]
        tail = int(resource_properties.get("tail") or 20)

        def list_containers() -> list[JobContainer]:
            with self._deployer.uow.reading() as uow:
                job = uow.jobs.get(name, version)
            return self._monitor.list_containers(job)

        session = LogSession(
            self._deployer.engine,
            self._connection.make_another(),
            list_containers,
            LogReader(tail, lambda line: on_next_line(session_id, line)),
        )
        self._sessions[session_id] = session
        session.start(name)

    def close_session(self, session_id: str) -> None:
        """Stop following."""
        session = self._sessions.pop(session_id, None)
        if session is not None:
            session.close()
