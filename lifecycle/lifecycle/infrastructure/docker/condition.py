"""How a container is, and how it ended, in words for its users."""

import signal
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

KILLED = 137
_MEBI = 1024 * 1024


@dataclass(frozen=True)
class ContainerEnd:
    """The way in which a container ended."""

    exit_code: int
    is_out_of_memory: bool
    start_error: str = ""
    """Why it could not be started at all."""


@dataclass(frozen=True)
class ContainerCondition:
    """What the engine says of a container."""

    id: str
    status: str
    restarts: int
    """How often the engine started it again."""
    memory_bytes: int
    """Its limit."""
    finished_at: datetime
    """When it ended last; long ago when it never did."""
    started_at: datetime
    last_end: ContainerEnd
    """Of a container that runs it says nothing, but for `is_out_of_memory`: a child of the job was killed for it."""

    @property
    def is_running(self) -> bool:
        """Tell whether it can answer."""
        return self.status == "running"


def parse_condition(found: dict[str, Any]) -> ContainerCondition:
    """Read what the engine tells of one container."""
    state = found["State"]
    return ContainerCondition(
        id=found["Id"],
        status=state["Status"],
        restarts=found["RestartCount"],
        memory_bytes=found["HostConfig"]["Memory"],
        finished_at=_parse_time(state["FinishedAt"]),
        started_at=_parse_time(state["StartedAt"]),
        last_end=ContainerEnd(state["ExitCode"], state["OOMKilled"], state["Error"]),
    )


def parse_end(events: list[dict[str, Any]]) -> ContainerEnd | None:
    """Read how a container ended last from the engine's events; None when it has forgotten it."""
    exit_code, is_out_of_memory = None, False
    for event in events:
        if event["Action"] == "oom":
            is_out_of_memory = True
        elif event["Action"] == "die":
            exit_code = int(event["Actor"]["Attributes"]["exitCode"])
    return None if exit_code is None else ContainerEnd(exit_code, is_out_of_memory)


def describe_end(end: ContainerEnd, memory_bytes: int) -> str:
    """Say how it ended, and what can be done about it."""
    if end.is_out_of_memory:
        return (
            f"was killed for using more memory than its limit of {_format(memory_bytes)}"
            f" (out of memory, exit code {end.exit_code}); raise resources.memory_max in job.yaml"
        )
    if end.start_error:
        return f"could not be started: {end.start_error}"
    if end.exit_code == KILLED:
        return "was killed (exit code 137): by somebody, or because the machine ran out of memory"
    return f"ended by itself (exit code {_name(end.exit_code)})"


def _name(exit_code: int) -> str:
    with suppress(ValueError):
        return f"{exit_code}, {signal.Signals(exit_code - 128).name}"
    return str(exit_code)


def _format(memory_bytes: int) -> str:
    mebibytes, rest = divmod(memory_bytes, _MEBI)
    return f"{memory_bytes / 1_000_000:.0f}M" if rest else f"{mebibytes}Mi"


def _parse_time(text: str) -> datetime:
    """Read the engine's nanoseconds; what never happened was in year 1."""
    return datetime.fromisoformat(text[:26].rstrip("Z") + "+00:00")
