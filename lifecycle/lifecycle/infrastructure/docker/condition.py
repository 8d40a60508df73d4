"""The state of a container and its last end, as the engine reports them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lifecycle.infrastructure.container_end import ContainerEnd


@dataclass(frozen=True)
class ContainerCondition:
    """The state of a container, as the engine reports it."""

    id: str
    status: str
    restarts: int
    """The number of times that the engine has started the container again."""
    memory_bytes: int
    """The container's memory limit."""
    finished_at: datetime
    """The time of its last end; in the year 1 when it has never ended."""
    started_at: datetime
    last_end: ContainerEnd
    """While the container runs, only `is_out_of_memory` means anything: a child process of the job was killed."""

    @property
    def is_running(self) -> bool:
        """True if the container can answer calls."""
        return self.status == "running"


def parse_condition(found: dict[str, Any]) -> ContainerCondition:
    """Return the condition that the engine's description of a container contains."""
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
    """Return the last end of a container among the engine's events; None when the engine has forgotten it."""
    exit_code, is_out_of_memory = None, False
    for event in events:
        if event["Action"] == "oom":
            is_out_of_memory = True
        elif event["Action"] == "die":
            exit_code = int(event["Actor"]["Attributes"]["exitCode"])
    return None if exit_code is None else ContainerEnd(exit_code, is_out_of_memory)


def _parse_time(text: str) -> datetime:
    """Parse a time in nanoseconds; the engine writes the year 1 for an event that has never happened."""
    return datetime.fromisoformat(text[:26].rstrip("Z") + "+00:00")
