"""Lists of deployments: what is asked for."""

from dataclasses import dataclass

from racetrack_commons.entities.list_orders import DeploymentOrder


@dataclass(frozen=True)
class WantedDeployments:
    """The deployments that a list has, and their order; a filter without values lets all pass."""

    words: tuple[str, ...] = ()
    """Texts of which each must be in the job's name or version, the status, the deployer or the target."""
    job_name: str = ""
    job_version: str = ""
    statuses: tuple[str, ...] = ()
    deployers: tuple[str, ...] = ()
    order: DeploymentOrder = DeploymentOrder.LATEST
    is_reversed: bool = False
