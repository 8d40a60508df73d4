"""The target `process`, assembled from its adapters."""

from racetrack_client.entities import ImageKind
from racetrack_commons.clock import Clock

from lifecycle.config import BuiltInTarget, Config
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.domain.secrets import SecretBox
from lifecycle.infrastructure.answer_watch import AnswerWatch
from lifecycle.infrastructure.model import InfrastructureTarget
from lifecycle.infrastructure.process.cgroups.cgroup_places import list_places
from lifecycle.infrastructure.process.cgroups.job_groups import JobGroups
from lifecycle.infrastructure.process.deployer import ProcessDeployer
from lifecycle.infrastructure.process.keeper import ProcessKeeper
from lifecycle.infrastructure.process.logs_streamer import ProcessLogsStreamer
from lifecycle.infrastructure.process.memory_watch import MemoryUses, MemoryWatch
from lifecycle.infrastructure.process.monitor import ProcessMonitor
from lifecycle.infrastructure.process.plan import make_data_mark
from lifecycle.infrastructure.process.process_table import ProcessTable


def make_target(
    config: Config, unit_of_work: UnitOfWorkFactory, secret_box: SecretBox, clock: Clock
) -> InfrastructureTarget:
    """Return the target with its adapters."""
    groups = JobGroups(make_data_mark(config), list_places() if config.job_cgroups else [])
    deployer = ProcessDeployer(config, unit_of_work, secret_box, clock, groups)
    uses, answers = MemoryUses(), AnswerWatch()
    monitor = ProcessMonitor(deployer, uses, answers)
    return InfrastructureTarget(
        name=BuiltInTarget.PROCESS.value,
        job_deployer=deployer,
        job_monitor=monitor,
        logs_streamer=ProcessLogsStreamer(monitor, unit_of_work),
        image_kind=ImageKind.PROCESS,
        keeper=ProcessKeeper(deployer, MemoryWatch(deployer, uses, ProcessTable()), answers),
    )
