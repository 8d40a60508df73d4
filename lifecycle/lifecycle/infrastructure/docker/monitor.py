"""The monitor of the target `docker`."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from racetrack_client.docker_labels import DockerLabel
from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.entities.dto import JobDto, JobStatus

from lifecycle.config import BuiltInTarget, Config
from lifecycle.domain.instance import JobInstance
from lifecycle.infrastructure.answer_watch import AnswerWatch
from lifecycle.infrastructure.built_in_monitor import BuiltInMonitor
from lifecycle.infrastructure.docker.deployer import DockerDeployer
from lifecycle.infrastructure.docker.diagnosis import Diagnosis, Diagnostician
from lifecycle.infrastructure.docker.identity import JobContainer
from lifecycle.infrastructure.docker.log_lines import read_merged, read_merged_since
from lifecycle.infrastructure.revival_failures import RevivalFailures
from lifecycle.monitor.metric_parser import find_last_call

_JOBS_AT_ONCE = 8


class DockerMonitor(BuiltInMonitor):
    """Observes the containers of serving instances."""

    target = BuiltInTarget.DOCKER

    def __init__(
        self,
        deployer: DockerDeployer,
        diagnostician: Diagnostician,
        failures: RevivalFailures,
        answers: AnswerWatch,
    ) -> None:
        self._deployer = deployer
        self._diagnostician = diagnostician
        self._failures = failures
        self._answers = answers

    def list_jobs(self, config: Config) -> Iterable[JobDto]:  # noqa: ARG002 - the port's signature
        """List the jobs that have a serving instance, in their present state, and the orphaned ones.

        A job without any container is left out, because it is lost; but if the keeper has failed to
        bring it back, it is listed as lost with the reason.
        """
        # The containers are read before the rows, so each container that is found has its row already.
        containers = self._deployer.list_containers({})
        self._diagnostician.forget_others(containers)
        with self._deployer.uow.reading() as uow:
            serving = uow.instances.list_serving(BuiltInTarget.DOCKER)
            known_ids = uow.instances.list_ids()
            known_jobs = uow.jobs.list_names()
        with ThreadPoolExecutor(_JOBS_AT_ONCE, "observe-containers") as pool:
            observed = pool.map(lambda one: self._observe(one, containers), serving)
            jobs = [job for job in observed if job is not None]
        strangers = [one for one in containers if one.instance_id not in known_ids]
        return jobs + [
            self._describe_orphaned(container)
            for container in strangers
            if (container.job_name, container.job_version) not in known_jobs
        ]

    def read_recent_logs(self, job: JobDto, tail: int = 20) -> str:
        """Return the last `tail` lines of all containers of the job, in the order of time."""
        lines = read_merged(self._deployer.engine, self.list_containers(job), tail)
        return "".join(f"{line}\n" for line in lines)

    def read_logs_since(self, job: JobDto, since: datetime, tail: int) -> str:
        """Return the last `tail` lines since a time of all containers of the job, in the order of time."""
        containers = self.list_containers(job)
        lines = read_merged_since(self._deployer.engine, containers, since, tail)
        return "".join(f"{line}\n" for line in lines)

    def list_containers(self, job: JobDto) -> list[JobContainer]:
        """List the containers of the job's serving instance, or else of its newest; raise EntityNotFound if it has none."""
        wanted: dict[str, str] = {
            DockerLabel.JOB_NAME: job.name,
            DockerLabel.JOB_VERSION: job.version,
        }
        containers = self._deployer.list_containers(wanted)
        if not containers:
            raise EntityNotFound(f"{job} has no log: there is no container of it")
        addresses = {job.internal_name, *job.replica_internal_names}
        instance_ids = {one.instance_id for one in containers if one.address in addresses}
        newest = max(containers, key=lambda one: one.created).instance_id
        return [one for one in containers if one.instance_id in (instance_ids or {newest})]

    def _observe(self, instance: JobInstance, containers: list[JobContainer]) -> JobDto | None:
        own = [container for container in containers if container.instance_id == instance.id]
        if not own:
            reason = self._failures.find_reason(instance.id)
            return self._describe_lost(instance, reason) if reason else None
        secret = self._deployer.secrets.make_shown_secret(instance)
        diagnoses = [self._diagnostician.diagnose(container, secret) for container in own]
        addresses = [container.address for container in own if container.index == 0]
        problem = _find_problem(own, diagnoses)
        notice = next((each.notice for each in diagnoses if each.notice), None)
        observed = {
            "status": _choose_status(problem, diagnoses),
            "error": problem,
            "notice": notice or self._answers.find_notice(instance.id),
            "internal_name": addresses[0] if addresses else instance.internal_name,
            "replica_internal_names": addresses,
            "last_call_time": None if problem else find_last_call(addresses),
            "infrastructure_stats": {
                "number_of_restarts": sum(each.restarts for each in diagnoses),
                "memory_bytes": sum(each.memory_bytes for each in diagnoses),
                "memory_peak_bytes": sum(each.memory_peak_bytes for each in diagnoses),
                "memory_limit_bytes": sum(each.memory_limit_bytes for each in diagnoses),
            },
        }
        return self._describe(instance).model_copy(update=observed)

    def _describe(self, instance: JobInstance) -> JobDto:
        created = int(instance.create_time.timestamp())
        addresses = {
            "internal_name": instance.internal_name,
            "replica_internal_names": instance.replica_internal_names,
        }
        job = self.describe_running(instance.job_name, instance.job_version, created)
        return job.model_copy(update=addresses)

    def _describe_lost(self, instance: JobInstance, reason: str) -> JobDto:
        error = f"the job's containers are gone, and can't be made again: {reason}"
        return self._describe(instance).model_copy(
            update={"status": JobStatus.LOST, "error": error}
        )

    def _describe_orphaned(self, container: JobContainer) -> JobDto:
        job = self.describe_running(container.job_name, container.job_version, container.created)
        return job.model_copy(
            update={"status": JobStatus.ORPHANED, "internal_name": container.address}
        )


def _choose_status(problem: str | None, diagnoses: list[Diagnosis]) -> JobStatus:
    if problem:
        return JobStatus.ERROR
    is_starting = any(each.is_starting for each in diagnoses)
    return JobStatus.STARTING if is_starting else JobStatus.RUNNING


def _find_problem(containers: list[JobContainer], diagnoses: list[Diagnosis]) -> str | None:
    problem = next((each.problem for each in diagnoses if each.problem), None)
    missing = containers[0].size - len(containers)
    if problem is None and missing > 0:
        return f"{missing} of {containers[0].size} containers of the job are missing"
    return problem
