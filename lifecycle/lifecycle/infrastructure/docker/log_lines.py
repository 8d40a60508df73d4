"""Lines of container logs, those of several containers merged in the order of time."""

from collections.abc import Iterable
from dataclasses import dataclass

from lifecycle.infrastructure.docker.engine_client import DockerEngine
from lifecycle.infrastructure.docker.identity import JobContainer


@dataclass(frozen=True, order=True)
class LogLine:
    """One line of a log; times are texts that sort in the order of time, as the engine writes them."""

    time: str
    text: str


def read_lines(engine: DockerEngine, container_id: str, tail: int) -> list[LogLine]:
    """Return the last `tail` lines of one container; none when it is gone."""
    content = engine.read_logs(container_id, tail) if tail > 0 else b""
    return [parse_line(line) for line in content.split(b"\n") if line]


def read_merged(engine: DockerEngine, containers: list[JobContainer], tail: int) -> list[str]:
    """Return the last `tail` lines of all containers; with several containers, each line is marked with its own."""
    lines = [
        LogLine(line.time, mark_line(container, line.text, containers))
        for container in containers
        for line in read_lines(engine, container.id, tail)
    ]
    return [line.text for line in sorted(lines)[-tail:]] if tail > 0 else []


def mark_line(container: JobContainer, text: str, siblings: Iterable[JobContainer]) -> str:
    """Return a line with its replica and container in front, if there are several."""
    others = [one for one in siblings if one.id != container.id]
    if not others:
        return text
    has_several_containers = any(one.index for one in [container, *others])
    of_container = f"-{container.index}" if has_several_containers else ""
    return f"r{container.replica}{of_container} | {text}"


def parse_line(line: bytes) -> LogLine:
    """Separate a line from the time in front of it."""
    time, _, text = line.rstrip(b"\r").partition(b" ")
    return LogLine(time.decode(errors="replace"), text.decode(errors="replace"))
