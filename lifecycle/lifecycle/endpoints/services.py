"""What routes work with; the composition root makes it."""

from dataclasses import dataclass

from racetrack_commons.clock import Clock
from racetrack_commons.plugin.engine import PluginEngine

from lifecycle.auth.authenticate import Authenticator
from lifecycle.auth.tokens import Tokens
from lifecycle.auth.users import Users
from lifecycle.config import Config
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.deployment.wiring import DeploymentServices
from lifecycle.event_stream.feed import ChangeFeed
from lifecycle.event_stream.log_sources import LogSources
from lifecycle.infrastructure.registry import InfrastructureRegistry
from lifecycle.metrics import LifecycleMetrics
from lifecycle.records import Records


@dataclass(frozen=True)
class Services:
    """The parts of a running Lifecycle."""

    config: Config
    clock: Clock
    unit_of_work: UnitOfWorkFactory
    authenticator: Authenticator
    users: Users
    tokens: Tokens
    plugins: PluginEngine
    infrastructure: InfrastructureRegistry
    metrics: LifecycleMetrics
    changes: ChangeFeed
    logs: LogSources
    deployments: DeploymentServices
    records: Records
