"""What the gateway keeps of Lifecycle's answer."""

from dataclasses import dataclass

from racetrack_commons.entities.dto import JobCallAuthData


@dataclass(frozen=True, slots=True)
class Route:
    """Where a job is, and who calls it."""

    name: str
    version: str
    """The exact one."""
    status: str
    addresses: tuple[str, ...]
    """`host:port` of each replica; none when the job is nowhere."""
    caller: str | None
    is_remote: bool = False
    """Whether the job is behind a gateway of its own."""

    @classmethod
    def read(cls, answer: JobCallAuthData) -> "Route":
        """Keep what calling needs; thousands of routes are remembered."""
        job = answer.job
        single = [job.internal_name] if job.internal_name else []
        return cls(
            name=job.name,
            version=job.version,
            status=str(job.status),
            addresses=tuple(job.replica_internal_names or single),
            caller=answer.caller,
            is_remote=bool(answer.remote_gateway_url),
        )
