"""The target `docker`, assembled from its adapters."""

from racetrack_client.entities import ImageKind
from racetrack_commons.clock import Clock

from lifecycle.config import BuiltInTarget, Config
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.domain.secrets import SecretBox
from lifecycle.infrastructure.answer_watch import AnswerWatch
from lifecycle.infrastructure.docker.deployer import DockerDeployer
from lifecycle.infrastructure.docker.diagnosis import Diagnostician
from lifecycle.infrastructure.docker.engine_client import DockerEngine
from lifecycle.infrastructure.docker.engine_connection import EngineConnection
from lifecycle.infrastructure.docker.keeper import DockerKeeper
from lifecycle.infrastructure.docker.logs_streamer import DockerLogsStreamer
from lifecycle.infrastructure.docker.monitor import DockerMonitor
from lifecycle.infrastructure.model import InfrastructureTarget
from lifecycle.infrastructure.revival_failures import RevivalFailures


def make_target(
    config: Config, unit_of_work: UnitOfWorkFactory, secret_box: SecretBox, clock: Clock
) -> InfrastructureTarget:
    """Return the target; it connects to the engine when a job first needs it."""
    connection = EngineConnection(config.docker_host)
    engine = DockerEngine(connection, clock, config.docker_wait_seconds)
    deployer = DockerDeployer(config, unit_of_work, secret_box, engine, clock)
    failures, answers = RevivalFailures(), AnswerWatch()
    monitor = DockerMonitor(deployer, Diagnostician(deployer, clock), failures, answers)
    return InfrastructureTarget(
        name=BuiltInTarget.DOCKER.value,
        job_deployer=deployer,
        job_monitor=monitor,
        logs_streamer=DockerLogsStreamer(deployer, monitor, connection),
        image_kind=ImageKind.DOCKER,
        keeper=DockerKeeper(deployer, failures, answers, clock),
    )
