"""What an infrastructure target consists of."""

from pydantic import BaseModel, ConfigDict

from lifecycle.deployer.base import JobDeployer
from lifecycle.infrastructure.keeper import TargetKeeper
from lifecycle.monitor.base import JobMonitor, LogsStreamer


class InfrastructureTarget(BaseModel):
    """A place where jobs run, and the adapters that reach it."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str | None = None
    job_deployer: JobDeployer | None = None
    job_monitor: JobMonitor | None = None
    logs_streamer: LogsStreamer | None = None
    remote_gateway_url: str | None = None
    remote_gateway_token: str | None = None
    image_kind: str = "docker"
    """Kind of the images that it runs, in Image Builder's words; those of plugins run containers."""
    keeper: TargetKeeper | None = None
    """What the Supervisor has to do for it; None: it needs no looking after."""
