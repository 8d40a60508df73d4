"""The target `kubernetes`, assembled from its adapters."""

from racetrack_client.entities import ImageKind
from racetrack_commons.clock import Clock

from lifecycle.config import BuiltInTarget, Config
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.domain.secrets import SecretBox
from lifecycle.infrastructure.kubernetes.cluster import Cluster
from lifecycle.infrastructure.kubernetes.deployer import KubernetesDeployer
from lifecycle.infrastructure.kubernetes.monitor import KubernetesMonitor
from lifecycle.infrastructure.model import InfrastructureTarget


def make_target(
    config: Config, unit_of_work: UnitOfWorkFactory, secret_box: SecretBox, clock: Clock
) -> InfrastructureTarget:
    """Return the target; it connects to the cluster when a job first needs it."""
    cluster = Cluster(config)
    deployer = KubernetesDeployer(config, unit_of_work, secret_box, cluster, clock)
    return InfrastructureTarget(
        name=BuiltInTarget.KUBERNETES.value,
        job_deployer=deployer,
        job_monitor=KubernetesMonitor(deployer, clock),
        image_kind=ImageKind.DOCKER,
    )
