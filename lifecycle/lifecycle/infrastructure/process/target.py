"""The target `process`, put together."""

from racetrack_commons.clock import Clock

from lifecycle.config import Config
from lifecycle.database.encryption import SecretBox
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.infrastructure.model import InfrastructureTarget
from lifecycle.infrastructure.process.deployer import ProcessDeployer
from lifecycle.infrastructure.process.logs_streamer import ProcessLogsStreamer
from lifecycle.infrastructure.process.monitor import ProcessMonitor
from lifecycle.infrastructure.registry import PROCESS_TARGET


def make_process_target(
    config: Config, uow: UnitOfWorkFactory, secrets: SecretBox, clock: Clock
) -> InfrastructureTarget:
    """Make the adapters of the target."""
    monitor = ProcessMonitor(config, uow)
    return InfrastructureTarget(
        name=PROCESS_TARGET,
        job_deployer=ProcessDeployer(config, uow, secrets, clock),
        job_monitor=monitor,
        logs_streamer=ProcessLogsStreamer(monitor, uow),
    )
