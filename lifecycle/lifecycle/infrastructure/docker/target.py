"""The target `docker`, put together."""

from lifecycle.config import BuiltInTarget
from lifecycle.infrastructure.built_in import TargetNeeds
from lifecycle.infrastructure.docker.deployer import DockerDeployer
from lifecycle.infrastructure.docker.diagnosis import Diagnostician
from lifecycle.infrastructure.docker.engine_client import DockerEngine
from lifecycle.infrastructure.docker.engine_connection import EngineConnection
from lifecycle.infrastructure.docker.keeper import DockerKeeper, Failures
from lifecycle.infrastructure.docker.logs_streamer import DockerLogsStreamer
from lifecycle.infrastructure.docker.monitor import DockerMonitor
from lifecycle.infrastructure.model import InfrastructureTarget


def make_target(needs: TargetNeeds) -> InfrastructureTarget:
    """Make the adapters of the target; the engine is asked when there is something to ask."""
    connection = EngineConnection(needs.config.docker_host)
    engine = DockerEngine(connection, needs.clock, needs.config.docker_wait_seconds)
    deployer = DockerDeployer(
        needs.config, needs.unit_of_work, needs.secret_box, engine, needs.clock
    )
    failures = Failures()
    monitor = DockerMonitor(deployer, Diagnostician(deployer, needs.clock), failures)
    return InfrastructureTarget(
        name=BuiltInTarget.DOCKER.value,
        job_deployer=deployer,
        job_monitor=monitor,
        logs_streamer=DockerLogsStreamer(deployer, monitor, connection),
        image_kind="docker",
        keeper=DockerKeeper(deployer, failures, needs.clock),
    )
