"""Logs streamer of the target `docker`."""

from lifecycle.infrastructure.built_in_logs_streamer import BuiltInLogsStreamer, LogReader
from lifecycle.infrastructure.docker.connection import EngineConnection
from lifecycle.infrastructure.docker.deployer import DockerDeployer
from lifecycle.infrastructure.docker.log_session import DockerLogSession
from lifecycle.infrastructure.docker.monitor import DockerMonitor


class DockerLogsStreamer(BuiltInLogsStreamer):
    """Follows the logs of a job's containers."""

    def __init__(
        self, deployer: DockerDeployer, monitor: DockerMonitor, connection: EngineConnection
    ) -> None:
        super().__init__(deployer.uow)
        self._engine = deployer.engine
        self._monitor = monitor
        self._connection = connection

    def open_session(self, reader: LogReader) -> DockerLogSession:
        """Make a session that has yet to be started."""
        return DockerLogSession(
            self._engine,
            self._connection.make_another(),
            lambda: self._monitor.list_containers(reader.find_job()),
            reader,
        )
