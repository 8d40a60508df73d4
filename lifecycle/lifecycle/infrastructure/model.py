"""What an infrastructure target consists of: the adapters that reach it, and its keeper.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict
from racetrack_client.entities import ImageKind

from lifecycle.deployer.base import JobDeployer
from lifecycle.monitor.base import JobMonitor, LogsStreamer


@dataclass(frozen=True)
class KeeperTask:
    """Something to do again and again."""

    name: str
    interval_seconds: float
    run: Callable[[], object]


class TargetKeeper(ABC):
    """Keeps the instances of a target running; one Supervisor calls it."""

    @abstractmethod
    def list_tasks(self) -> list[KeeperTask]:
        """List what has to be done; a chore that raises is logged and done again."""

    @abstractmethod
    def stop_all(self) -> None:
        """End everything that runs; what should run comes back when the chores are done again."""


class InfrastructureTarget(BaseModel):
    """A place where jobs run, and the adapters that reach it."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str | None = None
    job_deployer: JobDeployer | None = None
    job_monitor: JobMonitor | None = None
    logs_streamer: LogsStreamer | None = None
    remote_gateway_url: str | None = None
    remote_gateway_token: str | None = None
    image_kind: str = ImageKind.DOCKER
    """The `ImageKind` that it runs; the targets of plugins run containers, unless they say otherwise."""
    keeper: TargetKeeper | None = None
    """What the Supervisor has to do for it; None: it needs no looking after."""
