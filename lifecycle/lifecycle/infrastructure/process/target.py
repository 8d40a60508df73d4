"""The target `process`, put together."""

from lifecycle.config import BuiltInTarget
from lifecycle.infrastructure.built_in import TargetNeeds
from lifecycle.infrastructure.model import InfrastructureTarget
from lifecycle.infrastructure.process.deployer import ProcessDeployer
from lifecycle.infrastructure.process.keeper import ProcessKeeper
from lifecycle.infrastructure.process.logs_streamer import ProcessLogsStreamer
from lifecycle.infrastructure.process.monitor import ProcessMonitor


def make_target(needs: TargetNeeds) -> InfrastructureTarget:
    """Make the adapters of the target."""
    deployer = ProcessDeployer(needs.config, needs.unit_of_work, needs.secret_box, needs.clock)
    monitor = ProcessMonitor(needs.config, needs.unit_of_work)
    return InfrastructureTarget(
        name=BuiltInTarget.PROCESS.value,
        job_deployer=deployer,
        job_monitor=monitor,
        logs_streamer=ProcessLogsStreamer(monitor, needs.unit_of_work),
        image_kind="process",
        keeper=ProcessKeeper(deployer),
    )
