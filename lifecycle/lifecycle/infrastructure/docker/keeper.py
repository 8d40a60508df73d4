"""The keeper of the target `docker`, for all that the engine's restart policy does not cover."""

from racetrack_client.log.logs import get_logger
from racetrack_commons.clock import Clock

from lifecycle.config import BuiltInTarget
from lifecycle.deployer.instances import InstanceNotStarted
from lifecycle.domain.instance import JobInstance
from lifecycle.infrastructure.answer_watch import PROBE_SECONDS, AnswerWatch, WatchedReplica
from lifecycle.infrastructure.docker.condition import parse_condition
from lifecycle.infrastructure.docker.deployer import DockerDeployer
from lifecycle.infrastructure.docker.engine_connection import EngineRefusal
from lifecycle.infrastructure.docker.identity import JobContainer
from lifecycle.infrastructure.model import KeeperTask, TargetKeeper
from lifecycle.infrastructure.revival_failures import RevivalFailures
from lifecycle.monitor.health import check_answers

logger = get_logger(__name__)
KEEP_SECONDS = 2
LEFTOVERS_SECONDS = 30
STOP_SECONDS = 5
SETTLING_SECONDS = 30
_KEPT_BY_ENGINE = {"running", "restarting", "paused", "removing"}


class DockerKeeper(TargetKeeper):
    """Brings back containers that were removed or stopped, or do not answer; the engine itself restarts crashed ones."""

    def __init__(
        self,
        deployer: DockerDeployer,
        failures: RevivalFailures,
        answers: AnswerWatch,
        clock: Clock,
        settling_seconds: float = SETTLING_SECONDS,
    ) -> None:
        self._deployer = deployer
        self._failures = failures
        self._answers = answers
        self._clock = clock
        self._settling_seconds = settling_seconds

    def list_tasks(self) -> list[KeeperTask]:
        """List the tasks of this target; missing containers are looked for often, because their job does not answer."""
        return [
            KeeperTask("keep-containers", KEEP_SECONDS, self.keep),
            KeeperTask("watch-answers", PROBE_SECONDS, self.watch_answers),
            KeeperTask("remove-leftover-containers", LEFTOVERS_SECONDS, self.remove_leftovers),
        ]

    def keep(self) -> None:
        """Bring back the serving instances that have a missing or stopped container."""
        with self._deployer.uow.reading() as uow:
            serving = uow.instances.list_serving(BuiltInTarget.DOCKER)
        self._failures.forget_others(one.id for one in serving)
        if not serving:
            return
        containers: dict[str, list[JobContainer]] = {}
        for container in self._deployer.list_containers({}):
            containers.setdefault(container.instance_id, []).append(container)
        for instance in serving:
            if not has_all_containers(containers.get(instance.id, [])) and self._is_due(instance):
                self._bring_back(instance)

    def watch_answers(self) -> None:
        """Start the containers of serving instances again that run but do not answer."""
        containers = [one for one in self._deployer.list_containers({}) if one.index == 0]
        with self._deployer.uow.reading() as uow:
            serving = {one.id: one for one in uow.instances.list_serving(BuiltInTarget.DOCKER)}
        watched = [
            found
            for container in containers
            if container.instance_id in serving and container.state == "running"
            if (found := self._watch(serving[container.instance_id], container))
        ]
        names = {one.id: f"{one.job_name} {one.job_version}" for one in containers}
        for silent in self._answers.list_silent(watched):
            container_id = silent.start[0]
            logger.warning(f"job {names[container_id]} {silent.description}; it is started again")
            self._deployer.engine.restart_container(container_id, STOP_SECONDS)

    def _watch(self, instance: JobInstance, container: JobContainer) -> WatchedReplica | None:
        found = self._deployer.engine.find_container(container.id)
        if found is None:
            return None
        secret = self._deployer.secrets.make_shown_secret(instance)
        started = parse_condition(found).started_at.timestamp()
        age = self._clock.now().timestamp() - started
        return WatchedReplica(
            instance.id,
            (container.id, started),
            lambda: check_answers(f"http://{container.address}", secret),
            is_young=age < self._deployer.config.timeout_until_job_ready,
        )

    def remove_leftovers(self) -> None:
        """Remove containers of ended deployments, left by a service that was killed while it created them.

        Containers of deployments that this database does not know stay: another platform may have the
        same name.
        """
        # The containers are read before the rows, so each container that is found has its row already.
        containers = self._deployer.list_containers({})
        now = self._clock.now().timestamp()
        with self._deployer.uow.reading() as uow:
            leftover = {
                container.instance_id
                for container in containers
                if now - container.created > self._settling_seconds
                and uow.instances.find(container.instance_id) is None
                and uow.deployments.find(container.instance_id) is not None
            }
        for instance_id in leftover:
            logger.warning(f"removing the containers of instance {instance_id}, which has ended")
            self._deployer.stop_instance(instance_id, STOP_SECONDS)

    def stop_all(self) -> None:
        """Stop the containers of all jobs; they come back at the next start of the platform."""
        self._deployer.stop_containers(self._deployer.list_containers({}), STOP_SECONDS)

    def _bring_back(self, instance: JobInstance) -> None:
        name = f"{instance.job_name} {instance.job_version}"
        logger.warning(f"containers of job {name} are gone or stopped; bringing them back")
        try:
            self._deployer.revive_instance(instance.id)
        except (InstanceNotStarted, EngineRefusal) as error:
            logger.error(f"job {name} can't be brought back: {error}")
            self._failures.note(instance.id, str(error), self._clock.monotonic())
        else:
            self._failures.forget(instance.id)

    def _is_due(self, instance: JobInstance) -> bool:
        return self._failures.is_due(instance.id, self._clock.monotonic())


def has_all_containers(containers: list[JobContainer]) -> bool:
    """Return whether all containers of an instance exist, and run or are started again by the engine."""
    return len(containers) >= (containers[0].size if containers else 1) and all(
        container.state in _KEPT_BY_ENGINE for container in containers
    )
