"""The logs streamer of the target `kubernetes`, which follows containers across restarts and replacements."""

import threading
from collections.abc import Callable, Iterator

from racetrack_client.log.errors import EntityNotFound
from racetrack_client.log.logs import get_logger

from lifecycle.infrastructure.built_in_monitor import BuiltInLogsStreamer, LogReader
from lifecycle.infrastructure.kubernetes.cluster import (
    Cluster,
    ClusterRefusal,
    ClusterUnavailable,
    OpenAnswer,
)
from lifecycle.infrastructure.kubernetes.deployer import KubernetesDeployer
from lifecycle.infrastructure.kubernetes.log_lines import (
    LogSource,
    PodLogLine,
    mark_line,
    parse_line,
    read_behind,
    read_past,
)
from lifecycle.infrastructure.kubernetes.monitor import KubernetesMonitor
from lifecycle.infrastructure.line_assembly import LineAssembler

logger = get_logger(__name__)
_POLL_SECONDS = 1
_Key = tuple[str, str]


class KubernetesLogSession:
    """A session in which one thread looks for containers, and another reads each container's log.

    All threads end when the session is closed.
    """

    def __init__(
        self, cluster: Cluster, list_sources: Callable[[], list[LogSource]], reader: LogReader
    ) -> None:
        self._cluster = cluster
        self._list_sources = list_sources
        self._reader = reader
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._answers: dict[_Key, OpenAnswer] = {}
        self._followers: dict[_Key, threading.Thread] = {}
        self._marks: dict[_Key, PodLogLine] = {}
        """For each container, the last line that was passed on."""
        self._starts: dict[_Key, int] = {}
        """For each container, the number of restarts whose log was followed last."""

    def start(self, name: str) -> None:
        """Start the thread that looks for containers of the job `name`."""
        threading.Thread(target=self._follow_until_closed, name=f"logs-{name}", daemon=True).start()

    def close(self) -> None:
        """Ask the threads to end, without waiting for them."""
        self._closing.set()
        with self._lock:
            for answer in self._answers.values():
                answer.interrupt()

    def _follow_until_closed(self) -> None:
        is_past_shown = False
        while not self._closing.is_set():
            try:
                sources = self._list_sources()
                if not is_past_shown:
                    self._show_past(sources)
                    is_past_shown = True
                self._follow(sources)
            except (ClusterUnavailable, EntityNotFound, ClusterRefusal) as error:
                logger.debug(f"logs can't be followed just now: {error}")
            self._closing.wait(_POLL_SECONDS)
        for follower in self._followers.values():
            follower.join()

    def _show_past(self, sources: list[LogSource]) -> None:
        tail, past = self._reader.tail, []
        for source in sources:
            # The last line is needed to go on behind it, also when the reader wants none.
            lines = read_past(
                self._cluster, source, max(tail, 1), self._reader.since, len(sources)
            ) or read_past(self._cluster, source, 1)
            self._starts[source.key] = source.container.restarts
            if lines:
                self._marks[source.key] = lines[-1]
            past += [(line, source) for line in lines if self._is_wanted(line)]
        past.sort(key=lambda pair: pair[0].time)
        for line, source in past[-tail:] if tail else []:
            self._reader.take(mark_line(source, line.text, sources))

    def _is_wanted(self, line: PodLogLine) -> bool:
        since = self._reader.since
        return since is None or line.moment >= since

    def _follow(self, sources: list[LogSource]) -> None:
        for source in sources:
            follower = self._followers.get(source.key)
            is_followed = follower is not None and follower.is_alive()
            is_known = self._starts.get(source.key) == source.container.restarts
            if not is_followed and (source.container.is_running or not is_known):
                follower = threading.Thread(
                    target=self._read, args=(source, sources), name="log-lines", daemon=True
                )
                self._followers[source.key] = follower
                follower.start()

    def _read(self, source: LogSource, siblings: list[LogSource]) -> None:
        """Pass lines on until the container or the session ends."""
        try:
            for line in self._read_new_lines(source):
                if self._closing.is_set():
                    return
                self._marks[source.key] = line
                self._reader.take(mark_line(source, line.text, siblings))
        except (ClusterUnavailable, EntityNotFound, ClusterRefusal) as error:
            logger.debug(f"the log of pod {source.pod.name} broke off: {error}")

    def _read_new_lines(self, source: LogSource) -> Iterator[PodLogLine]:
        """Yield the lines behind the mark: the rest of the former start, then those of the present one."""
        mark = self._marks.get(source.key)
        if mark and self._starts.get(source.key) != source.container.restarts:
            yield from read_behind(self._cluster, source, mark)
        mark = self._marks.get(source.key)
        question = {"timestamps": "true"} | ({"sinceTime": mark.time} if mark else {})
        answer = self._cluster.follow_log(source.pod.name, source.container.name, question)
        if self._was_started_again(source):
            answer.close()  # What the former start wrote last comes first, at the next look.
            return
        self._starts[source.key] = source.container.restarts
        for line in self._assemble(source.key, answer):
            # The server knows times in whole seconds, and repeats the lines of the last one.
            if mark is None or line.time > mark.time:
                yield line

    def _was_started_again(self, source: LogSource) -> bool:
        present = {one.key: one.container.restarts for one in self._list_sources()}
        return present.get(source.key, source.container.restarts) != source.container.restarts

    def _assemble(self, key: _Key, answer: OpenAnswer) -> Iterator[PodLogLine]:
        with self._lock:
            self._answers[key] = answer
        if self._closing.is_set():
            answer.interrupt()
        assembler = LineAssembler()
        try:
            for piece in answer.read_pieces():
                yield from map(parse_line, assembler.add(piece))
            yield from map(parse_line, assembler.take_rest())
        finally:
            with self._lock:
                del self._answers[key]
            answer.close()


class KubernetesLogsStreamer(BuiltInLogsStreamer):
    """Follows the logs of a job's containers."""

    def __init__(self, deployer: KubernetesDeployer, monitor: KubernetesMonitor) -> None:
        super().__init__(deployer.uow)
        self._cluster = deployer.cluster
        self._monitor = monitor

    def open_session(self, reader: LogReader) -> KubernetesLogSession:
        """Return a new session, which the caller starts."""
        return KubernetesLogSession(
            self._cluster, lambda: self._monitor.list_log_sources(reader.get_job()), reader
        )
