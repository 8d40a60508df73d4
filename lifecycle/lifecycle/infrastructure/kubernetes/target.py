"""The target `kubernetes`, assembled from its adapters."""

from racetrack_client.entities import ImageKind
from racetrack_commons.clock import Clock

from lifecycle.config import BuiltInTarget, Config
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.domain.secrets import SecretBox
from lifecycle.infrastructure.kubernetes.cluster import Cluster
from lifecycle.infrastructure.kubernetes.deployer import KubernetesDeployer
from lifecycle.infrastructure.kubernetes.diagnosis import RememberedDetails
from lifecycle.infrastructure.kubernetes.identity import make_platform_labels
from lifecycle.infrastructure.kubernetes.keeper import KubernetesKeeper
from lifecycle.infrastructure.kubernetes.logs_streamer import KubernetesLogsStreamer
from lifecycle.infrastructure.kubernetes.monitor import KubernetesMonitor
from lifecycle.infrastructure.kubernetes.pod_watch import PodWatch
from lifecycle.infrastructure.model import InfrastructureTarget
from lifecycle.infrastructure.revival_failures import RevivalFailures

_DETAIL_SECONDS = 0.7
"""Seconds in which the cluster must explain a fault to the monitor, whose look at all jobs has to be short."""


def make_target(
    config: Config, unit_of_work: UnitOfWorkFactory, secret_box: SecretBox, clock: Clock
) -> InfrastructureTarget:
    """Return the target; it connects to the cluster when a job first needs it."""
    cluster = Cluster(config)
    deployer = KubernetesDeployer(config, unit_of_work, secret_box, cluster, clock)
    pods, failures = (
        PodWatch(cluster, make_platform_labels(config.platform_name)),
        RevivalFailures(),
    )
    details = RememberedDetails(Cluster(config, _DETAIL_SECONDS), clock)
    monitor = KubernetesMonitor(deployer, pods, details, failures, clock)
    return InfrastructureTarget(
        name=BuiltInTarget.KUBERNETES.value,
        job_deployer=deployer,
        job_monitor=monitor,
        logs_streamer=KubernetesLogsStreamer(deployer, monitor),
        image_kind=ImageKind.DOCKER,
        keeper=KubernetesKeeper(deployer, pods, failures, clock),
    )
