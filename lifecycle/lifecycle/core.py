"""What Lifecycle and its supervisor are both built from."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from racetrack_client.log.logs import get_logger
from racetrack_commons.api.metrics import create_registry
from racetrack_commons.auth.token import internal_token
from racetrack_commons.clock import Clock
from racetrack_commons.entities.image_builder_client import ImageBuilderClient
from racetrack_commons.plugin.engine import PluginEngine

from lifecycle.config import Config
from lifecycle.context import PluginContext, set_context
from lifecycle.database.encryption import SecretBox
from lifecycle.database.engine import connect
from lifecycle.database.metrics import watch_engine
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.deployment.wiring import (
    DeploymentNeeds,
    DeploymentServices,
    create_deployment_services,
)
from lifecycle.deployment.worker import WorkerSettings
from lifecycle.infrastructure.built_in import TargetNeeds, load_targets
from lifecycle.infrastructure.registry import InfrastructureRegistry, PluginTargets
from lifecycle.metrics import LifecycleMetrics

logger = get_logger(__name__)


@dataclass(frozen=True)
class Core:
    """The database, the plugins and the infrastructure targets of one process."""

    config: Config
    clock: Clock
    unit_of_work: UnitOfWorkFactory
    secret_box: SecretBox
    plugins: PluginEngine
    infrastructure: InfrastructureRegistry
    metrics: LifecycleMetrics
    metrics_registry: CollectorRegistry

    def close(self) -> None:
        """Let go of threads and connections."""
        self.plugins.stop()
        set_context(None)
        self.unit_of_work.engine.dispose()


def create_core(config: Config, clock: Clock | None = None) -> Core:
    """Build it; whoever calls has seen that the tables are up to date."""
    clock = clock or Clock()
    registry = create_registry()
    engine = connect(config)
    watch_engine(engine, registry)
    unit_of_work = UnitOfWorkFactory(engine)
    set_context(PluginContext(unit_of_work, config.auth_key))
    secret_box = SecretBox(config.secret_key)
    plugins = PluginEngine(config.plugins_dir)
    if config.bundled_plugins_dir is not None:
        plugins.install_bundled(config.bundled_plugins_dir)
    needs = TargetNeeds(config, unit_of_work, secret_box, clock)
    built_in = load_targets(config.built_in_targets, needs)
    return Core(
        config=config,
        clock=clock,
        unit_of_work=unit_of_work,
        secret_box=secret_box,
        plugins=plugins,
        infrastructure=InfrastructureRegistry(built_in, PluginTargets(plugins).find),
        metrics=LifecycleMetrics.create(registry),
        metrics_registry=registry,
    )


def create_image_builder(config: Config) -> ImageBuilderClient:
    """Make a client of the Image Builder that the settings name."""
    token = internal_token("lifecycle", config.auth_key.get_secret_value())
    return ImageBuilderClient(config.image_builder_url, token)


def create_deployments(core: Core, worker: WorkerSettings | None = None) -> DeploymentServices:
    """Build what deploys jobs; `worker` says how, when it is not as the settings say."""
    return create_deployment_services(
        DeploymentNeeds(
            config=core.config,
            unit_of_work=core.unit_of_work,
            plugin_engine=core.plugins,
            infrastructure=core.infrastructure,
            image_builder=create_image_builder(core.config),
            clock=core.clock,
            metrics=core.metrics,
            worker=worker,
        )
    )
