"""The calls that the target `docker` makes to the Docker engine."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from typing import Any

from docker.types import LogConfig
from racetrack_client.log.logs import get_logger
from racetrack_commons.clock import Clock

from lifecycle.infrastructure.docker.engine_connection import (
    CONFLICT,
    NOT_FOUND,
    EngineConnection,
    EngineRefusal,
    EngineUnavailable,
)
from lifecycle.infrastructure.docker.engine_log import EngineLog, LogEntry
from lifecycle.infrastructure.docker.plan import ContainerPlan

logger = get_logger(__name__)
_POLL_SECONDS = 0.5
_UNNOTICED_END = "cannot update a stopped container"
"""With these words the engine refuses while its runtime knows of a container's end and it does not yet (seen with 26)."""
_END_SECONDS, _END_POLL_SECONDS = 5.0, 0.05
_LOG_CONFIG = {"max-size": "20m", "max-file": "3"}
_DROPPED_CAPABILITIES = ["AUDIT_WRITE", "MKNOD", "NET_RAW", "SETFCAP", "SYS_CHROOT"]
"""Linux capabilities that a server never needs, not even one that its image runs as root."""


class DockerEngine:
    """Containers, images and networks of one engine. Each method may raise EngineUnavailable or EngineRefusal."""

    def __init__(self, connection: EngineConnection, clock: Clock, wait_seconds: float) -> None:
        self._connection = connection
        self._clock = clock
        self._wait_seconds = wait_seconds
        self._cpus: int | None = None

    def wait_until_available(self) -> None:
        """Wait for an engine that is being restarted; raise EngineUnavailable when it does not come back in time."""
        deadline = self._clock.monotonic() + self._wait_seconds
        while True:
            try:
                with self._connection.calling() as client:
                    client.ping()
                return
            except EngineUnavailable:
                if self._clock.monotonic() > deadline:
                    raise
            self._clock.sleep(_POLL_SECONDS)

    def count_cpus(self) -> int:
        """Return the number of CPUs that a container can have at most."""
        if self._cpus is None:
            with self._connection.calling() as client:
                self._cpus = int(client.info()["NCPU"])
        return self._cpus

    def list_containers(self, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """List the containers that have all these labels, in any state."""
        filters = {"label": [f"{name}={value}" for name, value in labels.items()]}
        with self._connection.calling() as client:
            found: list[dict[str, Any]] = client.containers(all=True, filters=filters)
        return found

    def find_container(self, name_or_id: str) -> dict[str, Any] | None:
        """Return the engine's description of a container; None when there is no such container."""
        found: dict[str, Any] | None = self._connection.ask(
            lambda client: client.inspect_container(name_or_id), None, NOT_FOUND
        )
        return found

    def create_container(self, name: str, plan: ContainerPlan) -> str:
        """Create the container of a plan without starting it; return its id."""
        limits = plan.limits
        with self._connection.calling() as client:
            host_config = client.create_host_config(
                mem_limit=limits.memory_bytes,
                memswap_limit=limits.memory_bytes,
                mem_reservation=limits.memory_reservation_bytes,
                nano_cpus=min(limits.nano_cpus, self.count_cpus() * 10**9),
                cpu_shares=limits.cpu_shares,
                shm_size=limits.shm_bytes,
                port_bindings=plan.port_bindings,
                extra_hosts={"host.docker.internal": "host-gateway"},
                security_opt=["no-new-privileges:true"],
                cap_drop=_DROPPED_CAPABILITIES,
                log_config=LogConfig(type=LogConfig.types.JSON, config=_LOG_CONFIG),
                network_mode=plan.network,
                init=True,
            )
            endpoint = client.create_endpoint_config(aliases=[plan.alias])
            created = client.create_container(
                plan.image,
                name=name,
                environment=plan.environment,
                labels=plan.labels,
                ports=list(plan.port_bindings),
                host_config=host_config,
                networking_config=client.create_networking_config({plan.network: endpoint}),
                use_config_proxy=False,
            )
        return str(created["Id"])

    def start_container(self, container_id: str) -> None:
        """Start a container; do nothing if it runs."""
        with self._connection.calling() as client:
            client.start(container_id)

    def rename_container(self, container_id: str, name: str) -> None:
        """Rename a container."""
        with self._connection.calling() as client:
            client.rename(container_id, name)

    def keep_running(self, container_id: str) -> None:
        """Let the engine start a container again whenever it ends, and whenever the engine itself starts.

        The policy is not `unless-stopped`: a killed engine counts such containers as stopped (seen with Engine 26).
        """
        self._set_restart_policy(container_id, "always")

    def let_end(self, container_id: str) -> None:
        """Let the engine leave a container alone once it has ended."""
        self._set_restart_policy(container_id, "no")

    def ask_to_end(self, container_id: str) -> None:
        """Send a container the signal by which its image wants to be stopped; do nothing if it has ended."""
        found = self.find_container(container_id)
        number = (found or {"Config": {}})["Config"].get("StopSignal") or "SIGTERM"
        with self._connection.calling(NOT_FOUND, CONFLICT) as client:
            client.kill(container_id, signal=number)

    def stop_container(self, container_id: str, grace_seconds: float) -> None:
        """Ask a container to end, and kill it after `grace_seconds`; do nothing if it is gone."""
        with self._connection.calling(NOT_FOUND) as client:
            client.stop(container_id, timeout=round(grace_seconds))

    def restart_container(self, container_id: str, grace_seconds: float) -> None:
        """End a container like `stop_container`, and start it again; do nothing if it is gone."""
        with self._connection.calling(NOT_FOUND) as client:
            client.restart(container_id, timeout=round(grace_seconds))

    def remove_container(self, container_id: str) -> None:
        """Remove a container with its anonymous volumes; do nothing if it is gone or being removed."""
        with self._connection.calling(NOT_FOUND, CONFLICT) as client:
            client.remove_container(container_id, v=True, force=True)

    def ensure_network(self, name: str, labels: Mapping[str, str]) -> None:
        """Create a network unless it exists."""
        with self._connection.calling() as client:
            if any(network["Name"] == name for network in client.networks(names=[name])):
                return
        with self._connection.calling(CONFLICT) as client:
            client.create_network(name, driver="bridge", labels=dict(labels))
            logger.info(f"network {name} was made for the containers of jobs")

    def has_image(self, name: str) -> bool:
        """Return whether the engine has the image."""
        found = self._connection.ask(lambda client: client.inspect_image(name), None, NOT_FOUND)
        return found is not None

    def pull_image(self, name: str) -> None:
        """Pull an image from its registry; raise EngineRefusal also when the transfer breaks off."""
        repository, _, tag = name.rpartition(":")
        with self._connection.calling() as client:
            for line in client.pull(repository, tag=tag, stream=True, decode=True):
                if "error" in line:
                    raise EngineRefusal(NOT_FOUND, str(line["error"]))

    def read_log(self, container_id: str, tail: int) -> Iterator[LogEntry]:
        """Yield the last `tail` entries of a container's log; nothing if the container is gone."""
        return self._read_log(container_id, tail=str(tail))

    def read_log_since(self, container_id: str, since: datetime) -> Iterator[LogEntry]:
        """Yield the entries of a container's log since a time; nothing if the container is gone."""
        return self._read_log(container_id, since=f"{since.timestamp():.6f}")

    def list_events(
        self, container_id: str, since: datetime, until: datetime
    ) -> list[dict[str, Any]]:
        """List the events about a container's ends that the engine remembers between two moments of the past."""
        filters = {"container": container_id, "event": ["oom", "die"]}
        moments = {"since": since.timestamp(), "until": until.timestamp()}
        with self._connection.calling() as client:
            return list(client.events(**moments, filters=filters, decode=True))

    def read_memory_bytes(self, container_id: str) -> int:
        """Return the memory that a container uses now, without the caches that the kernel would free."""
        answer: dict[str, Any] = self._connection.ask(
            lambda client: client.stats(container_id, stream=False, one_shot=True),
            {},
            NOT_FOUND,
            CONFLICT,
        )
        memory = answer.get("memory_stats", {})
        details = memory.get("stats", {})
        # The first name is that of cgroups version 1, the second that of version 2.
        cache = details.get("total_inactive_file", details.get("inactive_file", 0))
        return max(0, int(memory.get("usage", 0)) - int(cache))

    def _read_log(self, container_id: str, **question: str) -> Iterator[LogEntry]:
        with self._connection.calling(NOT_FOUND, CONFLICT) as client:
            log = EngineLog.open(client, container_id, **question)
            with closing(log):
                yield from log

    def _set_restart_policy(self, container_id: str, name: str) -> None:
        deadline = self._clock.monotonic() + _END_SECONDS
        while True:
            try:
                with self._connection.calling(NOT_FOUND) as client:
                    client.update_container(container_id, restart_policy={"Name": name})
                return
            except EngineRefusal as refusal:
                if _UNNOTICED_END not in str(refusal) or self._clock.monotonic() > deadline:
                    raise
            self._clock.sleep(_END_POLL_SECONDS)
