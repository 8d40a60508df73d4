"""Lines of container logs, those of several containers merged in the order of time."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from lifecycle.infrastructure.docker.engine_client import DockerEngine
from lifecycle.infrastructure.docker.engine_log import LogEntry
from lifecycle.infrastructure.docker.identity import JobContainer
from lifecycle.infrastructure.line_assembly import LineAssembler

_ENTRIES_BEYOND = 2
"""One more entry of standard output and of standard error is read than lines are wanted, because it may be cut."""
_GROWTH = 4
_MOST_BYTES = 8 * 1024 * 1024
"""When so much was read for too few lines, the beginning of an endless line is not looked for."""


@dataclass(frozen=True, order=True)
class LogLine:
    """One line of a log; times are texts that sort in the order of time, as the engine writes them."""

    time: str
    text: str


class ContainerLines:
    """Puts a container's lines together: the engine keeps a long line as several entries, all with the line's time."""

    def __init__(self) -> None:
        self._assemblers: defaultdict[int, LineAssembler] = defaultdict(LineAssembler)
        self._times: dict[int, str] = {}

    def add(self, entry: LogEntry) -> Iterator[LogLine]:
        """Add an entry; yield the lines that are whole now."""
        time, text = entry.split()
        if self._times.get(entry.source) != time:
            # A container that ends within a line leaves it without an end.
            yield from self._take_rest(entry.source)
        self._times[entry.source] = time
        for line in self._assemblers[entry.source].add(text):
            yield LogLine(time, line)

    def take_rests(self) -> Iterator[LogLine]:
        """Yield the lines that have no end."""
        for source in self._assemblers:
            yield from self._take_rest(source)

    def list_open_times(self) -> list[str]:
        """List the times of the lines that have no end yet."""
        return [
            self._times[source]
            for source, assembler in self._assemblers.items()
            if assembler.is_inside_line
        ]

    def show_frame(self, entry: LogEntry) -> str:
        """Return the present text of the line of which an entry is a part, such as a progress bar; perhaps empty."""
        return self._assemblers[entry.source].frame

    def _take_rest(self, source: int) -> Iterator[LogLine]:
        for line in self._assemblers[source].take_rest():
            yield LogLine(self._times[source], line)


@dataclass(frozen=True)
class PastLines:
    """The last lines of a container's log."""

    lines: list[LogLine]
    """The lines that have ended."""
    rests: list[LogLine]
    """The lines that have not ended."""
    is_all: bool
    """There are no earlier lines."""
    size: int = 0
    """The bytes that were read."""


def read_past(engine: DockerEngine, container_id: str, count: int) -> PastLines:
    """Return at least the last `count` whole lines of one container, if it has as many; none when it is gone.

    The engine counts entries, not lines, so more and more of them are asked for. Of an endless line, the end is returned.
    """
    asked = count + _ENTRIES_BEYOND
    while True:
        past = _assemble(engine.read_log(container_id, asked), asked)
        if len(past.lines) >= count or past.is_all:
            return past
        if past.size > _MOST_BYTES:
            return _assemble(engine.read_log(container_id, asked))
        asked *= _GROWTH


def read_past_since(engine: DockerEngine, container_id: str, since: datetime) -> PastLines:
    """Return the lines of one container since a time; none when it is gone."""
    # All entries of a line have its time, so no line is cut.
    return _assemble(engine.read_log_since(container_id, since))


def read_merged(engine: DockerEngine, containers: list[JobContainer], tail: int) -> list[str]:
    """Return the last `tail` lines of all containers; with several containers, each line is marked with its own."""
    if tail <= 0:
        return []
    return _merge({one: read_past(engine, one.id, tail) for one in containers}, tail)


def read_merged_since(
    engine: DockerEngine, containers: list[JobContainer], since: datetime, tail: int
) -> list[str]:
    """Return the last `tail` lines since a time of all containers, marked in the same way."""
    if tail <= 0:
        return []
    return _merge({one: read_past_since(engine, one.id, since) for one in containers}, tail)


def mark_line(container: JobContainer, text: str, siblings: Iterable[JobContainer]) -> str:
    """Return a line with its replica and container in front, if there are several."""
    others = [one for one in siblings if one.id != container.id]
    if not others:
        return text
    has_several_containers = any(one.index for one in [container, *others])
    of_container = f"-{container.index}" if has_several_containers else ""
    return f"r{container.replica}{of_container} | {text}"


def _merge(pasts: dict[JobContainer, PastLines], tail: int) -> list[str]:
    lines = [
        LogLine(line.time, mark_line(container, line.text, pasts))
        for container, past in pasts.items()
        for line in (*past.lines, *past.rests)
    ]
    lines.sort(key=lambda line: line.time)
    return [line.text for line in lines[-tail:]]


def _assemble(entries: Iterable[LogEntry], asked: int | None = None) -> PastLines:
    assembler = ContainerLines()
    lines: list[LogLine] = []
    first_time, count, size = "", 0, 0
    for entry in entries:
        first_time = first_time or entry.split()[0]
        count, size = count + 1, size + len(entry.content)
        lines += assembler.add(entry)
    rests = list(assembler.take_rests())
    if asked is None or count < asked:
        return PastLines(lines, rests, is_all=True)
    # The beginning of a line is missing if the line is as old as the first entry that was read.
    lines, rests = ([line for line in each if line.time > first_time] for each in (lines, rests))
    return PastLines(lines, rests, is_all=False, size=size)
