"""The monitor of the target `process`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.entities.dto import JobDto, JobStatus

from lifecycle.config import BuiltInTarget, Config
from lifecycle.domain.instance import JobInstance, JobProcess
from lifecycle.infrastructure.answer_watch import AnswerWatch
from lifecycle.infrastructure.built_in_monitor import BuiltInMonitor
from lifecycle.infrastructure.process.deployer import ProcessDeployer, find_started_process
from lifecycle.infrastructure.process.log_file import read_last_lines, read_lines_since
from lifecycle.infrastructure.process.memory_watch import MemoryUse, MemoryUses
from lifecycle.infrastructure.process.os_processes import is_alive
from lifecycle.monitor.health import (
    JobNotHealthy,
    JobNotReady,
    quick_check_job_condition,
)
from lifecycle.monitor.metric_parser import find_last_call

_SHORT_PAUSE_SECONDS = 2.5
"""The keeper makes longer pauses for processes that crash again and again; start times are exact to a second."""


class ProcessMonitor(BuiltInMonitor):
    """Observes the processes of serving instances."""

    target = BuiltInTarget.PROCESS

    def __init__(self, deployer: ProcessDeployer, uses: MemoryUses, answers: AnswerWatch) -> None:
        self.config = deployer.config
        self.uow = deployer.uow
        self.clock = deployer.clock
        self._deployer = deployer
        self._uses = uses
        self._answers = answers

    def list_jobs(self, config: Config) -> Iterable[JobDto]:  # noqa: ARG002 - the port's signature
        """List the jobs that have a serving instance, in their present state."""
        with self.uow.reading() as uow:
            serving = {instance.id: instance for instance in uow.instances.list_serving()}
            processes = [
                process for process in uow.processes.list_all() if process.instance_id in serving
            ]
        instances: dict[str, list[JobProcess]] = {}
        for process in processes:
            instances.setdefault(process.instance_id, []).append(process)
        return [self._observe(serving[key], replicas) for key, replicas in instances.items()]

    def read_recent_logs(self, job: JobDto, tail: int = 20) -> str:
        """Return the last `tail` lines of each replica of the serving instance."""
        processes = self.list_processes(job)
        return "".join(
            f"{mark_line(process, line, processes)}\n"
            for process in processes
            for line in read_last_lines(Path(process.log_path), tail)
        )

    def read_logs_since(self, job: JobDto, since: datetime, tail: int) -> str:
        """Return the last `tail` lines since a time of each replica of the serving instance."""
        processes = self.list_processes(job)
        return "".join(
            f"{mark_line(process, line, processes)}\n"
            for process in processes
            for line in read_lines_since(Path(process.log_path), since, process.create_time, tail)
        )

    def list_processes(self, job: JobDto) -> list[JobProcess]:
        """List the replicas of the job's serving instance; raise EntityNotFound when there is none."""
        with self.uow.reading() as uow:
            instances = {
                instance.id for instance in uow.instances.list_of_job(job.name, job.version)
            }
            processes = [each for each in uow.processes.list_all() if each.instance_id in instances]
        names = {job.internal_name, *job.replica_internal_names}
        serving = [each for each in processes if f"{self.config.job_host}:{each.port}" in names]
        if not serving:
            raise EntityNotFound(f"{job} has no log: no process of it is known")
        return sorted(serving, key=lambda process: process.replica)

    def _observe(self, instance: JobInstance, replicas: list[JobProcess]) -> JobDto:
        names = [f"{self.config.job_host}:{process.port}" for process in replicas]
        first = replicas[0]
        secret = self._deployer.secrets.make_shown_secret(instance)
        found = (self._find_problem(process, secret) for process in replicas)
        problems = [problem for problem in found if problem]
        problem = min(problems, key=lambda each: each.is_start, default=None)
        past = _describe_past(replicas) or self._answers.find_notice(instance.id)
        observed = {
            "status": _choose_status(problem),
            "error": problem.text if problem and not problem.is_start else None,
            "notice": problem.text if problem and problem.is_start else past,
            "internal_name": names[0],
            "replica_internal_names": names,
            "last_call_time": None if problem else find_last_call(names),
            "infrastructure_stats": self._collect_statistics(replicas),
        }
        created = int(first.create_time.timestamp())
        job = self.describe_running(first.job_name, first.job_version, created)
        return job.model_copy(update=observed)

    def _find_problem(self, process: JobProcess, secret: str) -> "_Problem | None":
        found = find_started_process(process)
        if found is None or not is_alive(found):
            return self._describe_end(process)
        try:
            url = f"http://{self.config.job_host}:{process.port}"
            quick_check_job_condition(url, secret=secret)
            self._deployer.check_address(process, secret)
        except JobNotReady as error:
            seconds = self.clock.now().timestamp() - found.create_time
            is_young = seconds < self.config.timeout_until_job_ready
            return _Problem(str(error), is_start=is_young and not _is_backing_off(process))
        except JobNotHealthy as error:
            return _Problem(str(error))
        return None

    @staticmethod
    def _describe_end(process: JobProcess) -> "_Problem":
        if not _is_backing_off(process) and not process.memory_kill:
            # The platform may have been down: the keeper starts the process in a moment.
            return _Problem("the job's process is being started again", is_start=True)
        kill = f"; it {process.memory_kill}" if process.memory_kill else ""
        return _Problem(
            f"the job's process is not running{kill};"
            f" it crashed {process.restarts} times and is started again"
        )

    def _collect_statistics(self, replicas: list[JobProcess]) -> dict[str, int]:
        """Return restarts and memory of all replicas together."""
        uses = [self._read_use(process) for process in replicas]
        return {
            "number_of_restarts": sum(process.restarts for process in replicas),
            "memory_bytes": sum(use.used_bytes for use in uses),
            "memory_peak_bytes": sum(use.peak_bytes for use in uses),
            "memory_limit_bytes": sum(use.limit_bytes for use in uses),
        }

    def _read_use(self, process: JobProcess) -> MemoryUse:
        """Return what the keeper saw last; zeros where no keeper watches."""
        return self._uses.of_processes.get(process.id) or MemoryUse(
            0, process.peak_memory_bytes or 0, 0
        )


@dataclass(frozen=True)
class _Problem:
    """The reason why a replica does not answer; `is_start` where that is no fault, but a start."""

    text: str
    is_start: bool = False


def _is_backing_off(process: JobProcess) -> bool:
    """Return whether the process crashes again and again, for which the keeper makes longer pauses."""
    if process.next_start_at is None or process.pid_create_time is None:
        return False
    return process.next_start_at.timestamp() - process.pid_create_time > _SHORT_PAUSE_SECONDS


def _choose_status(problem: _Problem | None) -> JobStatus:
    if problem is None:
        return JobStatus.RUNNING
    return JobStatus.STARTING if problem.is_start else JobStatus.ERROR


def _describe_past(replicas: list[JobProcess]) -> str | None:
    """Return a notice of past kills, which may return."""
    kill = next((process.memory_kill for process in replicas if process.memory_kill), None)
    restarts = sum(process.restarts for process in replicas)
    return f"the job {kill}; it was started again {restarts} times" if kill else None


def mark_line(process: JobProcess, text: str, siblings: list[JobProcess]) -> str:
    """Return a line with its replica in front, if there are several."""
    return f"r{process.replica} | {text}" if len(siblings) > 1 else text
