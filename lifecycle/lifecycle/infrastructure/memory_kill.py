"""The kill of a job for its memory, in words that are the same on every built-in target."""

from dataclasses import dataclass

from racetrack_client.utils.memory import format_memory

_NEAR = 0.9


@dataclass(frozen=True)
class MemoryKill:
    """A job's end for want of memory; as text, a phrase that tells users about it."""

    limit_bytes: int
    used_bytes: int | None = None
    """The memory that the job used just before; None where it is not known."""

    def __str__(self) -> str:
        numbers = f"limit {format_memory(self.limit_bytes)}"
        if self.used_bytes is not None:
            numbers = f"used {format_memory(self.used_bytes)}, {numbers}"
            if self.used_bytes < self.limit_bytes * _NEAR:
                return f"was killed because the machine ran out of memory ({numbers})"
        return (
            f"was killed for using more memory than it may (out of memory: {numbers});"
            " raise resources.memory_max in job.yaml"
        )
