"""What is asked of the Docker engine."""

from collections.abc import Mapping
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
from lifecycle.infrastructure.docker.plan import ContainerPlan

logger = get_logger(__name__)
_POLL_SECONDS = 0.5
_LOG_CONFIG = {"max-size": "20m", "max-file": "3"}
_DROPPED_CAPABILITIES = ["AUDIT_WRITE", "MKNOD", "NET_RAW", "SETFCAP", "SYS_CHROOT"]
"""What a server never needs, even one whose image runs it as root."""


class DockerEngine:
    """Containers, images and networks of one engine. Each method may raise EngineUnavailable or EngineRefusal."""

    def __init__(self, connection: EngineConnection, clock: Clock, wait_seconds: float) -> None:
        self._connection = connection
        self._clock = clock
        self._wait_seconds = wait_seconds
        self._cpus: int | None = None

    def wait_until_available(self) -> None:
        """Wait for an engine that is just being restarted; EngineUnavailable when it stays away."""
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
        """Return how many the engine can give to a container."""
        if self._cpus is None:
            with self._connection.calling() as client:
                self._cpus = int(client.info()["NCPU"])
        return self._cpus

    def list_containers(self, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """List containers with all these labels, whatever their state."""
        filters = {"label": [f"{name}={value}" for name, value in labels.items()]}
        with self._connection.calling() as client:
            found: list[dict[str, Any]] = client.containers(all=True, filters=filters)
        return found

    def find_container(self, name_or_id: str) -> dict[str, Any] | None:
        """Inspect one; None when it is not there."""
        found: dict[str, Any] | None = self._connection.ask(
            lambda client: client.inspect_container(name_or_id), None, NOT_FOUND
        )
        return found

    def create_container(self, name: str, plan: ContainerPlan) -> str:
        """Create one, not started yet, and return its id."""
        limits = plan.limits
        with self._connection.calling() as client:
            host_config = client.create_host_config(
                mem_limit=limits.memory_bytes,
                memswap_limit=limits.memory_bytes,
                mem_reservation=limits.memory_reservation_bytes,
                nano_cpus=min(limits.nano_cpus, self.count_cpus() * 10**9),
                cpu_shares=limits.cpu_shares,
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
        """Start one; nothing happens when it runs."""
        with self._connection.calling() as client:
            client.start(container_id)

    def rename_container(self, container_id: str, name: str) -> None:
        """Give it another name."""
        with self._connection.calling() as client:
            client.rename(container_id, name)

    def keep_running(self, container_id: str) -> None:
        """Let the engine start it again whenever it ends, and when the engine comes back after an end of its own.

        Not `unless-stopped`: an engine that was killed counts those as stopped (seen with Engine 26).
        """
        self._set_restart_policy(container_id, "always")

    def let_end(self, container_id: str) -> None:
        """Let the engine leave it alone once it has ended."""
        self._set_restart_policy(container_id, "no")

    def stop_container(self, container_id: str, grace_seconds: float) -> None:
        """Ask it to end, and kill it when it has not after a while; nothing happens when it is gone."""
        with self._connection.calling(NOT_FOUND) as client:
            client.stop(container_id, timeout=round(grace_seconds))

    def remove_container(self, container_id: str) -> None:
        """Remove it with its anonymous volumes; nothing happens when it is gone, or being removed."""
        with self._connection.calling(NOT_FOUND, CONFLICT) as client:
            client.remove_container(container_id, v=True, force=True)

    def ensure_network(self, name: str, labels: Mapping[str, str]) -> None:
        """Create a network when it is missing."""
        with self._connection.calling() as client:
            if any(network["Name"] == name for network in client.networks(names=[name])):
                return
        with self._connection.calling(CONFLICT) as client:
            client.create_network(name, driver="bridge", labels=dict(labels))
            logger.info(f"network {name} was made for the containers of jobs")

    def has_image(self, name: str) -> bool:
        """Tell whether an image is on the engine."""
        found = self._connection.ask(lambda client: client.inspect_image(name), None, NOT_FOUND)
        return found is not None

    def pull_image(self, name: str) -> None:
        """Fetch an image from its registry; EngineRefusal also when that breaks off."""
        repository, _, tag = name.rpartition(":")
        with self._connection.calling() as client:
            for line in client.pull(repository, tag=tag, stream=True, decode=True):
                if "error" in line:
                    raise EngineRefusal(NOT_FOUND, str(line["error"]))

    def read_logs(self, container_id: str, tail: int) -> bytes:
        """Return the last lines of a container's log, each behind its time."""
        return self._connection.ask(
            lambda client: client.logs(container_id, tail=tail, timestamps=True),
            b"",
            NOT_FOUND,
            CONFLICT,
        )

    def list_events(
        self, container_id: str, since: datetime, until: datetime
    ) -> list[dict[str, Any]]:
        """List what the engine remembers of a container's ends, between two moments of the past."""
        filters = {"container": container_id, "event": ["oom", "die"]}
        moments = {"since": since.timestamp(), "until": until.timestamp()}
        with self._connection.calling() as client:
            return list(client.events(**moments, filters=filters, decode=True))

    def read_memory_bytes(self, container_id: str) -> int:
        """Return the memory that a container uses now, without what the kernel would free."""
        answer: dict[str, Any] = self._connection.ask(
            lambda client: client.stats(container_id, stream=False, one_shot=True),
            {},
            NOT_FOUND,
            CONFLICT,
        )
        memory = answer.get("memory_stats", {})
        details = memory.get("stats", {})
        # As version 1 of cgroups calls it, then version 2.
        cache = details.get("total_inactive_file", details.get("inactive_file", 0))
        return max(0, int(memory.get("usage", 0)) - int(cache))

    def _set_restart_policy(self, container_id: str, name: str) -> None:
        with self._connection.calling(NOT_FOUND) as client:
            client.update_container(container_id, restart_policy={"Name": name})
