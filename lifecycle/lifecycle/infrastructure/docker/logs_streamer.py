"""The logs streamer of the target `docker`, which follows containers across restarts and replacements."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from docker.types.daemon import CancellableStream
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
from lifecycle.infrastructure.docker.identity import JobContainer
from lifecycle.infrastructure.docker.log_lines import LogLine, mark_line, parse_line, read_lines
from lifecycle.infrastructure.docker.monitor import DockerMonitor

logger = get_logger(__name__)
_POLL_SECONDS = 1
_WRITING = {"running", "restarting"}


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
        self._streams: dict[str, CancellableStream] = {}
        self._followers: dict[str, threading.Thread] = {}
        self._read_until: dict[str, str] = {}
        """For each container, the time of the last line that was passed on; empty before the first line."""

    def start(self, name: str) -> None:
        """Start the thread that looks for containers of the job `name`."""
        threading.Thread(target=self._follow_until_closed, name=f"logs-{name}", daemon=True).start()

    def close(self) -> None:
        """Ask the threads to end, without waiting for them."""
        self._closing.set()
        with self._lock:
            for stream in self._streams.values():
                _close(stream)

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
            lines = read_lines(self._engine, container.id, self._reader.tail)
            past += [(line, container) for line in lines]
            self._read_until[container.id] = lines[-1].time if lines else ""
        past.sort(key=lambda pair: pair[0].time)
        for line, container in past[len(past) - self._reader.tail :] if self._reader.tail else []:
            self._reader.take(mark_line(container, line.text, containers))

    def _follow(self, containers: list[JobContainer]) -> None:
        for container in containers:
            follower = self._followers.get(container.id)
            is_followed = follower is not None and follower.is_alive()
            is_of_interest = container.state in _WRITING or container.id not in self._read_until
            if is_of_interest and not is_followed:
                follower = threading.Thread(
                    target=self._read, args=(container, containers), name="log-lines", daemon=True
                )
                self._followers[container.id] = follower
                follower.start()

    def _read(self, container: JobContainer, siblings: list[JobContainer]) -> None:
        """Pass lines on until the container or the session ends."""
        try:
            with self._connection.calling(NOT_FOUND, CONFLICT) as client:
                stream = client.logs(
                    container.id,
                    stream=True,
                    follow=True,
                    timestamps=True,
                    **_since(self._read_until.get(container.id)),
                )
                self._pass_on(stream, container, siblings)
        except (ServiceUnavailable, EngineRefusal) as error:
            logger.debug(f"the log of container {container.id[:12]} broke off: {error}")

    def _pass_on(
        self, stream: CancellableStream, container: JobContainer, siblings: list[JobContainer]
    ) -> None:
        with self._lock:
            self._streams[container.id] = stream
        if self._closing.is_set():
            _close(stream)
        try:
            for line in map(parse_line, _split_lines(stream)):
                if self._closing.is_set():
                    return
                if line.time > self._read_until.get(container.id, ""):
                    self._read_until[container.id] = line.time
                    self._reader.take(mark_line(container, line.text, siblings))
        finally:
            with self._lock:
                del self._streams[container.id]
            stream._response.close()  # The SDK shuts the socket down, but leaves it open.


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


def _close(stream: CancellableStream) -> None:
    with suppress(AttributeError, OSError):  # The SDK fails at a stream that has just ended.
        stream.close()


def _since(time: str | None) -> dict[str, Any]:
    """Return the argument that asks for lines since a time, rounded down to the engine's whole seconds."""
    return {"since": int(datetime.fromisoformat(time[:19] + "+00:00").timestamp())} if time else {}


def _split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest
