"""The logs streamer of the target `docker`, which follows containers across restarts and replacements."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from racetrack_client.log.errors import EntityNotFound, ServiceUnavailable
from racetrack_client.log.logs import get_logger

from lifecycle.infrastructure.built_in_monitor import BuiltInLogsStreamer, LogReader
from lifecycle.infrastructure.docker.deployer import DockerDeployer
from lifecycle.infrastructure.docker.engine_client import DockerEngine
from lifecycle.infrastructure.docker.engine_connection import (
    CONFLICT,
    NOT_FOUND,
    EngineConnection,
    EngineRefusal,
)
from lifecycle.infrastructure.docker.engine_log import EngineLog
from lifecycle.infrastructure.docker.identity import JobContainer
from lifecycle.infrastructure.docker.log_lines import (
    ContainerLines,
    LogLine,
    PastLines,
    mark_line,
    read_past,
    read_past_since,
)
from lifecycle.infrastructure.docker.monitor import DockerMonitor

logger = get_logger(__name__)
_POLL_SECONDS = 1
_WRITING = {"running", "restarting"}


@dataclass(frozen=True)
class _Mark:
    """The place up to which a container's log has been passed on."""

    last: LogLine | None = None
    """The last line that was passed on, if there is one."""
    open_times: Sequence[str] = ()
    """The times of lines that had begun before it, and had not ended."""

    @classmethod
    def behind(cls, past: PastLines) -> Self:
        """Return the mark behind the lines that have ended."""
        last = past.lines[-1] if past.lines else None
        return cls(last, [line.time for line in past.rests])

    def make_question(self) -> dict[str, Any]:
        """Return the argument that asks for lines since the mark, rounded down to whole seconds."""
        times = [self.last.time, *self.open_times] if self.last else []
        return {"since": min(map(_seconds_of, times))} if times else {}


class DockerLogSession:
    """A session in which one thread looks for containers, and another reads each container's log.

    All threads end when the session is closed.
    """

    def __init__(
        self,
        engine: DockerEngine,
        connection: EngineConnection,
        list_containers: Callable[[], list[JobContainer]],
        reader: LogReader,
    ) -> None:
        self._engine = engine
        self._connection = connection
        """A connection of this session alone, which closes it."""
        self._list_containers = list_containers
        self._reader = reader
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._logs: dict[str, EngineLog] = {}
        self._followers: dict[str, threading.Thread] = {}
        self._marks: dict[str, _Mark] = {}
        """For each container, the place to go on from."""

    def start(self, name: str) -> None:
        """Start the thread that looks for containers of the job `name`."""
        threading.Thread(target=self._follow_until_closed, name=f"logs-{name}", daemon=True).start()

    def close(self) -> None:
        """Ask the threads to end, without waiting for them."""
        self._closing.set()
        with self._lock:
            for log in self._logs.values():
                log.interrupt()

    def _follow_until_closed(self) -> None:
        is_past_shown = False
        while not self._closing.is_set():
            try:
                containers = self._list_containers()
                if not is_past_shown:
                    self._show_past(containers)
                    is_past_shown = True
                self._follow(containers)
            except (ServiceUnavailable, EntityNotFound, EngineRefusal) as error:
                logger.debug(f"logs can't be followed just now: {error}")
            self._closing.wait(_POLL_SECONDS)
        for follower in self._followers.values():
            follower.join()
        self._connection.close()

    def _show_past(self, containers: list[JobContainer]) -> None:
        past: list[tuple[LogLine, JobContainer]] = []
        for container in containers:
            # The last line is needed to go on behind it, also when the reader wants none.
            count = 1 if self._reader.since else max(self._reader.tail, 1)
            last = read_past(self._engine, container.id, count)
            wanted = self._read_since(container) or last
            ended = [] if container.state in _WRITING else wanted.rests
            past += [(line, container) for line in (*wanted.lines, *ended)]
            self._marks[container.id] = _Mark.behind(wanted if wanted.lines else last)
        past.sort(key=lambda pair: pair[0].time)
        for line, container in past[len(past) - self._reader.tail :] if self._reader.tail else []:
            self._reader.take(mark_line(container, line.text, containers))

    def _read_since(self, container: JobContainer) -> PastLines | None:
        since = self._reader.since
        return read_past_since(self._engine, container.id, since) if since else None

    def _follow(self, containers: list[JobContainer]) -> None:
        for container in containers:
            follower = self._followers.get(container.id)
            is_followed = follower is not None and follower.is_alive()
            is_of_interest = container.state in _WRITING or container.id not in self._marks
            if is_of_interest and not is_followed:
                follower = threading.Thread(
                    target=self._read, args=(container, containers), name="log-lines", daemon=True
                )
                self._followers[container.id] = follower
                follower.start()

    def _read(self, container: JobContainer, siblings: list[JobContainer]) -> None:
        """Pass lines on until the container or the session ends."""
        mark = self._marks.setdefault(container.id, _Mark())
        try:
            with self._connection.calling(NOT_FOUND, CONFLICT) as client:
                log = EngineLog.open(client, container.id, follow=1, **mark.make_question())
                self._pass_on(log, container, siblings)
        except (ServiceUnavailable, EngineRefusal) as error:
            logger.debug(f"the log of container {container.id[:12]} broke off: {error}")

    def _pass_on(
        self, log: EngineLog, container: JobContainer, siblings: list[JobContainer]
    ) -> None:
        with self._lock:
            self._logs[container.id] = log
        if self._closing.is_set():
            log.interrupt()
        try:
            for text in self._read_new_lines(log, container.id):
                if self._closing.is_set():
                    return
                self._reader.take(mark_line(container, text, siblings))
        finally:
            with self._lock:
                del self._logs[container.id]
            log.close()  # The SDK shuts the socket down, but leaves it open.

    def _read_new_lines(self, log: EngineLog, container_id: str) -> Iterator[str]:
        """Yield the lines behind the mark, which moves along, and frames of long lines; a carriage return ends a frame."""
        assembler = ContainerLines()
        replayed = self._marks[container_id].last
        for entry in log:
            for line in assembler.add(entry):
                is_known = replayed is not None and line.time <= replayed.time
                if replayed is not None and line.time >= replayed.time:
                    replayed = None
                if not is_known:
                    self._marks[container_id] = _Mark(line, assembler.list_open_times())
                    yield line.text
            if replayed is None and entry.is_full and (frame := assembler.show_frame(entry)):
                yield f"{frame}\r"
        for line in assembler.take_rests():
            self._marks[container_id] = _Mark(line)
            yield line.text


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
        """Return a new session, which the caller starts."""
        return DockerLogSession(
            self._engine,
            self._connection.make_another(),
            lambda: self._monitor.list_containers(reader.get_job()),
            reader,
        )


def _seconds_of(time: str) -> int:
    return int(datetime.fromisoformat(time[:19] + "+00:00").timestamp())
