"""Diagnosing the containers of serving instances: their problems, and the causes."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.clock import Clock
from racetrack_commons.redaction import SecretRedactor

from lifecycle.infrastructure.container_end import ContainerEnd, describe_end
from lifecycle.infrastructure.docker.condition import (
    ContainerCondition,
    parse_condition,
    parse_end,
)
from lifecycle.infrastructure.docker.deployer import DockerDeployer
from lifecycle.infrastructure.docker.identity import JobContainer
from lifecycle.infrastructure.docker.log_lines import read_merged
from lifecycle.monitor.health import JobNotHealthy, JobNotReady, quick_check_job_condition

_EVIDENCE_LINES = 20
_AFTERMATH = timedelta(seconds=60)
"""A job that does not answer within this time after a restart is reported with the cause of that restart."""
_AROUND = timedelta(seconds=2)


@dataclass(frozen=True)
class Diagnosis:
    """The health of one container."""

    problem: str | None = None
    """A present problem."""
    notice: str | None = None
    """A past problem, which may return; or what a starting job waits for."""
    is_starting: bool = False
    restarts: int = 0
    memory_bytes: int = 0
    memory_peak_bytes: int = 0
    """The most memory that was seen, which may be less than what it used in between."""
    memory_limit_bytes: int = 0


class _StartReason(str):
    """The reason why a container does not answer yet, which is no fault."""

    __slots__ = ()


class Diagnostician:
    """Examines containers; remembers how they ended, because the engine soon forgets it."""

    def __init__(self, deployer: DockerDeployer, clock: Clock) -> None:
        self._deployer = deployer
        self._engine = deployer.engine
        self._clock = clock
        self._longest_start = timedelta(seconds=deployer.config.timeout_until_job_ready)
        self._peaks: dict[str, int] = {}
        self._known_ends: dict[str, tuple[int, ContainerEnd | None]] = {}

    def diagnose(self, container: JobContainer, secret: str = "") -> Diagnosis:
        """Return the diagnosis of one container, for which the engine and the job are asked.

        With a secret, an answer without the proof of it is taken for that of another program.
        """
        found = self._engine.find_container(container.id)
        if found is None:
            return Diagnosis("a container of the job was removed")
        condition = parse_condition(found)
        end = self._find_end(condition)
        problem = self._find_problem(container, condition, end, secret)
        is_starting = isinstance(problem, _StartReason)
        past = None if problem else _describe_past(condition, end)
        memory_bytes = self._engine.read_memory_bytes(container.id)
        self._peaks[container.id] = max(memory_bytes, self._peaks.get(container.id, 0))
        return Diagnosis(
            problem=None if is_starting else problem,
            notice=problem if is_starting else past,
            is_starting=is_starting,
            restarts=condition.restarts,
            memory_bytes=memory_bytes,
            memory_peak_bytes=self._peaks[container.id],
            memory_limit_bytes=condition.memory_bytes,
        )

    def forget_others(self, containers: list[JobContainer]) -> None:
        """Forget what is known of all containers but the given ones."""
        known: tuple[dict[str, Any], ...] = (self._known_ends, self._peaks)
        for of_containers in known:
            for container_id in of_containers.keys() - {one.id for one in containers}:
                del of_containers[container_id]

    def _find_problem(
        self,
        container: JobContainer,
        condition: ContainerCondition,
        end: ContainerEnd | None,
        secret: str,
    ) -> str | None:
        if condition.status == "paused":
            return "the job's container is paused"
        if not condition.is_running:
            return self._describe_crash(container, condition, end)
        if container.index > 0:
            return None
        try:
            quick_check_job_condition(f"http://{container.address}", secret=secret)
        except JobNotHealthy as error:
            is_new = self._clock.now() - condition.started_at < _AFTERMATH
            if condition.restarts and is_new:
                return self._describe_crash(container, condition, end)
            may_start = isinstance(error, JobNotReady) and not condition.restarts
            age = self._clock.now() - condition.started_at
            return _StartReason(error) if may_start and age < self._longest_start else str(error)
        return None

    def _describe_crash(
        self, container: JobContainer, condition: ContainerCondition, end: ContainerEnd | None
    ) -> str:
        cause = describe_end(end, condition.memory_bytes) if end else "ended by itself"
        lines = "\n".join(read_merged(self._engine, [container], _EVIDENCE_LINES))
        evidence = f"\nIts last log lines:\n{lines}" if lines else ""
        again = f"; it was started again {condition.restarts} times" if condition.restarts else ""
        return self._mask(container).redact(f"the job {cause}{again}{evidence}")

    def _mask(self, container: JobContainer) -> SecretRedactor:
        try:
            secrets = self._deployer.get_job_secrets(container.job_name, container.job_version)
        except EntityNotFound:
            return SecretRedactor([])
        return secrets.mask()

    def _find_end(self, condition: ContainerCondition) -> ContainerEnd | None:
        """Return the container's last end, also from before the engine restarted it; None when it has never ended."""
        if not condition.is_running and condition.status != "paused":
            return condition.last_end
        if condition.restarts == 0:
            return None
        restarts, end = self._known_ends.get(condition.id, (0, None))
        if restarts != condition.restarts:
            end = self._ask_for_end(condition)
            self._known_ends[condition.id] = (condition.restarts, end)
        return end

    def _ask_for_end(self, condition: ContainerCondition) -> ContainerEnd | None:
        since = condition.finished_at - _AROUND
        until = min(condition.finished_at + _AROUND, self._clock.now())
        return parse_end(self._engine.list_events(condition.id, since, until))


def _describe_past(condition: ContainerCondition, end: ContainerEnd | None) -> str | None:
    if condition.restarts:
        cause = f"; the last time it {describe_end(end, condition.memory_bytes)}" if end else ""
        return f"the job was started again {condition.restarts} times{cause}"
    if condition.last_end.is_out_of_memory:
        return f"a process of the job {describe_end(condition.last_end, condition.memory_bytes)}"
    return None
