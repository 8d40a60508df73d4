"""What the probes answer."""

from dataclasses import dataclass

from racetrack_client.log.errors import ServiceUnavailable
from racetrack_commons.api.probes import ProbeAnswer, Probes

from lifecycle.config import Config
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.metrics import LifecycleMetrics

_SERVICE = "lifecycle"


@dataclass(frozen=True)
class HealthProbes:
    """Asks the database whether it is there."""

    config: Config
    unit_of_work: UnitOfWorkFactory
    metrics: LifecycleMetrics

    def probes(self) -> Probes:
        """Return the probes of the service."""
        return Probes(_SERVICE, ready=self.answer_ready, health=self.answer_health)

    def answer_ready(self) -> ProbeAnswer:
        """Tell whether requests can be served: not without the database."""
        connected = self._is_connected()
        return ProbeAnswer({"service": _SERVICE, "ready": connected}, 200 if connected else 503)

    def answer_health(self) -> ProbeAnswer:
        """Tell what runs here, and how it is."""
        connected = self._is_connected()
        body = {
            "service": _SERVICE,
            "live": True,
            "database_connected": connected,
            "git_version": self.config.git_version,
            "docker_tag": self.config.docker_tag,
            "auth_required": self.config.auth_required,
        }
        return ProbeAnswer(body, 200 if connected else 500)

    def _is_connected(self) -> bool:
        try:
            with self.unit_of_work.reading() as uow:
                uow.check_connection()
        except ServiceUnavailable:
            self.metrics.database_connected.set(0)
            return False
        self.metrics.database_connected.set(1)
        return True
