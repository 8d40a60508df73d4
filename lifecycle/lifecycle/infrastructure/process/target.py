"""The target `process`, assembled from its adapters."""

from racetrack_client.entities import ImageKind
from racetrack_commons.clock import Clock

from lifecycle.config import BuiltInTarget, Config
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.domain.secrets import SecretBox
from lifecycle.infrastructure.model import InfrastructureTarget
from lifecycle.infrastructure.process.deployer import ProcessDeployer
from lifecycle.infrastructure.process.keeper import ProcessKeeper
from lifecycle.infrastructure.process.logs_streamer import ProcessLogsStreamer
from lifecycle.infrastructure.process.monitor import ProcessMonitor


def make_target(
    config: Config, unit_of_work: UnitOfWorkFactory, secret_box: SecretBox, clock: Clock
) -> InfrastructureTarget:
    """Return the target with its adapters."""
    deployer = ProcessDeployer(config, unit_of_work, secret_box, clock)
    monitor = ProcessMonitor(config, unit_of_work)
    return InfrastructureTarget(
        name=BuiltInTarget.PROCESS.value,
        job_deployer=deployer,
        job_monitor=monitor,
        logs_streamer=ProcessLogsStreamer(monitor, unit_of_work),
        image_kind=ImageKind.PROCESS,
        keeper=ProcessKeeper(deployer),
    )
