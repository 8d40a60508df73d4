"""Creating planned containers: repeatable, and safe beside services that create the same ones."""

from collections.abc import Callable
from typing import Any

from racetrack_client.docker_labels import DockerLabel
from racetrack_client.log.logs import get_logger
from racetrack_commons.clock import Clock

from lifecycle.config import Config
from lifecycle.deployer.instances import ImageGone, InstanceNotStarted
from lifecycle.infrastructure.built_in_deployer import list_free_ports
from lifecycle.infrastructure.docker.engine_client import DockerEngine
from lifecycle.infrastructure.docker.engine_connection import CONFLICT, NOT_FOUND, EngineRefusal
from lifecycle.infrastructure.docker.identity import JobContainer, make_alias
from lifecycle.infrastructure.docker.plan import ContainerPlan

logger = get_logger(__name__)
_MOST_ATTEMPTS = 10
_PAUSE_SECONDS = 0.2
_STARTED = {"running", "restarting", "paused"}
_ENDING = {"removing", "dead"}


class ContainerCreator:
    """Creates and starts containers; adopts those that another service created from the same plan."""

    def __init__(
        self,
        engine: DockerEngine,
        config: Config,
        clock: Clock,
        list_taken_ports: Callable[[], set[int]],
    ) -> None:
        self._engine = engine
        self._config = config
        self._clock = clock
        self._list_taken_ports = list_taken_ports

    def ensure_running(self, plan: ContainerPlan, known: JobContainer | None) -> None:
        """Start the container of a plan; create it unless it is `known`. Raise InstanceNotStarted when that is impossible."""
        if known is not None and known.state in _STARTED:
            return
        container_id = known.id if known is not None and known.state not in _ENDING else None
        tried_ports: set[int] = set()
        for _ in range(_MOST_ATTEMPTS):
            if container_id is None:
                container_id = self._create(self._place(plan, tried_ports))
            try:
                self._engine.start_container(container_id)
            except EngineRefusal as refusal:
                self._prepare_retry(container_id, refusal)
                container_id = None
            else:
                return
        raise InstanceNotStarted(f"container {plan.alias} was removed each time it was created")

    def _prepare_retry(self, container_id: str, refusal: EngineRefusal) -> None:
        """Prepare another attempt if the port was taken or the container removed meanwhile; raise InstanceNotStarted if not."""
        if _is_port_taken(refusal):
            self._engine.remove_container(container_id)
        elif self._engine.find_container(container_id) is not None:
            raise InstanceNotStarted(f"the Docker engine can't start it: {refusal}") from refusal

    def _place(self, plan: ContainerPlan, tried_ports: set[int]) -> ContainerPlan:
        """Return the plan with a free port of the machine, if replicas must be reachable from outside their network.

        The highest free port is chosen: process jobs take the lowest, so the two targets rarely compete.
        """
        host = self._config.docker_publish_host
        if host is None or plan.index > 0:
            return plan
        candidates = range(self._config.last_job_port, self._config.first_job_port - 1, -1)
        taken = self._list_taken_ports() | tried_ports
        port = next(list_free_ports(candidates, host, taken))
        tried_ports.add(port)
        return plan.published_at(host, port)

    def _create(self, plan: ContainerPlan) -> str:
        """Create the container, under its alias when another program has its name; return its id."""
        for name in (plan.name, plan.alias):
            for _ in range(_MOST_ATTEMPTS):
                try:
                    return self._engine.create_container(name, plan)
                except EngineRefusal as refusal:
                    _check_is_conflict(refusal)
                holder = self._engine.find_container(name)
                if holder is not None and _is_of_plan(holder, plan):
                    return str(holder["Id"])
                if holder is not None and not self._is_of_job(holder, plan):
                    logger.warning(f"container name {name} is taken by another program's container")
                    break
                self._make_way(holder)
        raise InstanceNotStarted(
            f"the container names {plan.name} and {plan.alias} are taken by others; remove those containers"
        )

    def _is_of_job(self, holder: dict[str, Any], plan: ContainerPlan) -> bool:
        marks = (DockerLabel.PLATFORM, DockerLabel.JOB_NAME, DockerLabel.JOB_VERSION)
        known = holder["Config"]["Labels"]
        return all(known.get(mark) == plan.labels[mark] for mark in marks)

    def _make_way(self, holder: dict[str, Any] | None) -> None:
        """Free the name for the newest instance; the older instance is found by its alias anyway."""
        if holder is None or holder["State"]["Status"] in _ENDING:
            self._clock.sleep(_PAUSE_SECONDS)  # The name becomes free when the removal ends.
            return
        try:
            self._engine.rename_container(holder["Id"], _alias_of(holder["Config"]["Labels"]))
        except EngineRefusal as refusal:
            logger.info(f"container {holder['Name']} keeps its name: {refusal}")
            self._clock.sleep(_PAUSE_SECONDS)  # Another service renames or removes it.


def _check_is_conflict(refusal: EngineRefusal) -> None:
    if refusal.status_code == CONFLICT:
        return
    what = f"the Docker engine refuses the container: {refusal}"
    if refusal.status_code == NOT_FOUND:  # The image was removed a moment ago.
        raise ImageGone(what) from refusal
    raise InstanceNotStarted(what) from refusal


def _is_of_plan(holder: dict[str, Any], plan: ContainerPlan) -> bool:
    marks = (DockerLabel.PLATFORM, DockerLabel.INSTANCE, DockerLabel.REPLICA, DockerLabel.CONTAINER)
    known = holder["Config"]["Labels"]
    is_ending = holder["State"]["Status"] in _ENDING
    return not is_ending and all(known.get(mark) == plan.labels[mark] for mark in marks)


def _alias_of(known: dict[str, str]) -> str:
    return make_alias(
        known[DockerLabel.JOB_NAME],
        known[DockerLabel.JOB_VERSION],
        known[DockerLabel.INSTANCE],
        int(known[DockerLabel.REPLICA]),
        int(known[DockerLabel.CONTAINER]),
    )


def _is_port_taken(refusal: EngineRefusal) -> bool:
    text = str(refusal)
    return "port is already allocated" in text or "address already in use" in text
