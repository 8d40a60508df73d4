"""Lines of the logs of pods, those of several containers merged in the order of time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from lifecycle.infrastructure.kubernetes.cluster import Cluster
from lifecycle.infrastructure.kubernetes.pods import JobPod, PodContainer
from lifecycle.infrastructure.line_assembly import LineAssembler


@dataclass(frozen=True)
class LogSource:
    """One container, whose log is read."""

    pod: JobPod
    container: PodContainer


@dataclass(frozen=True, order=True)
class PodLogLine:
    """One line of a log; times are texts that sort in the order of time, as the cluster writes them."""

    time: str
    text: str


def list_sources(pods: Iterable[JobPod]) -> list[LogSource]:
    """List the containers of pods, replica by replica."""
    ordered = sorted(pods, key=lambda pod: (pod.replica.replica, pod.created))
    return [LogSource(pod, container) for pod in ordered for container in pod.containers]


def read_end(cluster: Cluster, source: LogSource, tail: int) -> str:
    """Return the last lines of a container that has ended: those before its present start, if it runs again."""
    question = {"tailLines": str(tail)}
    if source.container.is_running:
        question["previous"] = "true"
    text = cluster.read_log(source.pod.name, source.container.name, question)
    return "\n".join(_assemble(text))


def read_merged(cluster: Cluster, sources: list[LogSource], tail: int) -> list[str]:
    """Return the last `tail` lines of all containers; with several containers, each line is marked with its own."""
    return _merge(cluster, sources, tail, {"tailLines": str(tail)})


def read_merged_since(
    cluster: Cluster, sources: list[LogSource], since: datetime, tail: int
) -> list[str]:
    """Return the last `tail` lines since a time of all containers, marked in the same way."""
    moment = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return _merge(cluster, sources, tail, {"sinceTime": moment})


def mark_line(source: LogSource, text: str, siblings: Iterable[LogSource]) -> str:
    """Return a line with its replica and container in front, if there are several."""
    others = [one for one in siblings if one != source]
    if not others:
        return text
    of_container = f"-{source.container.index}" if len(source.pod.containers) > 1 else ""
    return f"r{source.pod.replica.replica}{of_container} | {text}"


def _merge(
    cluster: Cluster, sources: list[LogSource], tail: int, question: Mapping[str, str]
) -> list[str]:
    if tail <= 0:
        return []
    lines = []
    for source in sources:
        text = cluster.read_log(
            source.pod.name, source.container.name, {"timestamps": "true", **question}
        )
        for line in _assemble(text):
            time, _, words = line.partition(" ")
            lines.append(PodLogLine(time, mark_line(source, words, sources)))
    lines.sort(key=lambda line: line.time)
    return [line.text for line in lines[-tail:]]


def _assemble(text: bytes) -> list[str]:
    assembler = LineAssembler()
    return [*assembler.add(text), *assembler.take_rest()]
