"""Lines of the logs of pods, those of several containers merged in the order of time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from lifecycle.infrastructure.kubernetes.cluster import Cluster
from lifecycle.infrastructure.kubernetes.pods import JobPod, PodContainer
from lifecycle.infrastructure.line_assembly import MOST_LINE_BYTES, LineAssembler

_MOST_BYTES = 8 * 1024 * 1024
_MOST_LINES_BEHIND = 1000
_SHRINKING = 4


@dataclass(frozen=True)
class LogSource:
    """One container, whose log is read."""

    pod: JobPod
    container: PodContainer

    @property
    def key(self) -> tuple[str, str]:
        """The names of pod and container, which stay the same when the container is started again."""
        return self.pod.name, self.container.name


@dataclass(frozen=True, order=True)
class PodLogLine:
    """One line of a log; times are texts that sort in the order of time, as the cluster writes them."""

    time: str
    text: str

    @property
    def moment(self) -> datetime:
        """The time as a value, without nanoseconds."""
        return datetime.fromisoformat(self.time)


def list_sources(pods: Iterable[JobPod]) -> list[LogSource]:
    """List the containers of pods, replica by replica."""
    ordered = sorted(pods, key=lambda pod: (pod.replica.replica, pod.created))
    return [LogSource(pod, container) for pod in ordered for container in pod.containers]


def read_end(cluster: Cluster, source: LogSource, tail: int) -> str:
    """Return the last lines of a container that has ended: those before its present start, if it runs again."""
    question = {"previous": "true"} if source.container.is_running else {}
    lines = _read(cluster, source, tail, question)
    return "\n".join(line.text for line in lines)


def read_past(
    cluster: Cluster, source: LogSource, tail: int, since: datetime | None = None, shares: int = 1
) -> list[PodLogLine]:
    """Return the last `tail` lines of a container, those before its last end included, perhaps only those since a time.

    Of `shares` logs that are read together, each may take its share of memory: of long lines, fewer are returned.
    """
    question = {"sinceTime": _format(since)} if since else {}
    lines = _read(cluster, source, tail, question, shares)
    if len(lines) < tail and source.container.restarts and source.container.is_running:
        question["previous"] = "true"
        lines = [*_read(cluster, source, tail - len(lines), question, shares), *lines]
    return lines


def read_behind(cluster: Cluster, source: LogSource, mark: PodLogLine) -> list[PodLogLine]:
    """Return the lines after a line, of which a container wrote the last before its present start."""
    question = {"previous": "true", "sinceTime": mark.time}
    lines = _read(cluster, source, _MOST_LINES_BEHIND, question)
    return [line for line in lines if line.time > mark.time]


def read_merged(cluster: Cluster, sources: list[LogSource], tail: int) -> list[str]:
    """Return the last `tail` lines of all containers; with several containers, each line is marked with its own."""
    return _merge(cluster, sources, tail)


def read_merged_since(
    cluster: Cluster, sources: list[LogSource], since: datetime, tail: int
) -> list[str]:
    """Return the last `tail` lines since a time of all containers, marked in the same way."""
    return _merge(cluster, sources, tail, since)


def mark_line(source: LogSource, text: str, siblings: Iterable[LogSource]) -> str:
    """Return a line with its replica and container in front, if there are several."""
    others = [one for one in siblings if one.key != source.key]
    if not others:
        return text
    of_container = f"-{source.container.index}" if len(source.pod.containers) > 1 else ""
    return f"r{source.pod.replica.replica}{of_container} | {text}"


def parse_line(line: str) -> PodLogLine:
    """Return a line of a log that was asked for with times."""
    time, _, text = line.partition(" ")
    return PodLogLine(time, text)


def _merge(
    cluster: Cluster, sources: list[LogSource], tail: int, since: datetime | None = None
) -> list[str]:
    if tail <= 0:
        return []
    lines = [
        PodLogLine(line.time, mark_line(source, line.text, sources))
        for source in sources
        for line in read_past(cluster, source, tail, since, len(sources))
    ]
    lines.sort(key=lambda line: line.time)
    return [line.text for line in lines[-tail:]]


def _read(
    cluster: Cluster,
    source: LogSource,
    tail: int,
    question: Mapping[str, str],
    shares: int = 1,
) -> list[PodLogLine]:
    """Return at most `tail` lines, fewer of long ones: the server cuts a long answer at its end, which is wanted most."""
    most_bytes = max(MOST_LINE_BYTES, _MOST_BYTES // shares)
    limits = {"timestamps": "true", "limitBytes": str(most_bytes)}
    while True:
        asked = {**limits, "tailLines": str(tail), **question}
        text = cluster.read_log(source.pod.name, source.container.name, asked)
        if len(text) < most_bytes or tail <= 1:
            return [parse_line(line) for line in _assemble(text)]
        tail //= _SHRINKING


def _format(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _assemble(text: bytes) -> list[str]:
    assembler = LineAssembler()
    return [*assembler.add(text), *assembler.take_rest()]
