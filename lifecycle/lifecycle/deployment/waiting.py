"""Waiting for the end of a deployment, for callers who want to know it at once."""

import threading
from dataclasses import dataclass

from racetrack_client.log.errors import ServiceUnavailable
from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import DeploymentDto, DeploymentStatus

from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.deployment.failure import DeploymentFailed

_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class DeploymentWaiter:
    """Looks at deployments until they end; no transaction is open in between."""

    unit_of_work: UnitOfWorkFactory
    clock: Clock
    stopping: threading.Event
    timeout_seconds: float = 3600

    def wait(self, deployment_id: str) -> DeploymentDto:
        """Return the deployment when it is done; DeploymentFailed with its error when it failed."""
        deadline = self.clock.monotonic() + self.timeout_seconds
        while True:
            with self.unit_of_work.reading() as uow:
                deployment = uow.deployments.get(deployment_id)
            if deployment.status == DeploymentStatus.DONE:
                return deployment
            if deployment.status == DeploymentStatus.FAILED:
                raise DeploymentFailed(deployment.error or f"deployment {deployment_id} failed")
            if self.clock.monotonic() > deadline:
                raise ServiceUnavailable(
                    f"deployment {deployment_id} has not ended yet; `racetrack list` shows when"
                )
            if self.clock.wait(self.stopping, _PAUSE_SECONDS):
                raise ServiceUnavailable(
                    f"Lifecycle is stopping; deployment {deployment_id} goes on afterwards"
                )
