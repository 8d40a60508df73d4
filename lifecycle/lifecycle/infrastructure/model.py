"""The parts of an infrastructure target: the adapters that reach it, and its keeper.

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
    """A task that the Supervisor runs periodically for a target."""

    name: str
    interval_seconds: float
    run: Callable[[], object]


class TargetKeeper(ABC):
    """Keeps the instances of a target running; at most one Supervisor calls it."""

    @abstractmethod
    def list_tasks(self) -> list[KeeperTask]:
        """List the tasks that keep the target's instances running.

        A task may raise any error: it is logged, and the task runs again after its interval.
        Called once at the start of the Supervisor; each task runs in a thread of its own.
        """

    @abstractmethod
    def stop_all(self) -> None:
        """End all instances; the serving ones come back when the tasks run again.

        May raise any error when the target can't be reached.
        Called when the whole platform stops, from the Supervisor's main thread.
        """


class InfrastructureTarget(BaseModel):
    """A place where jobs run, and the adapters that reach it. A plugin may leave out those it lacks."""

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
    """The keeper whose tasks the Supervisor runs; None for a target that looks after its jobs itself."""
