"""The core of a process: the parts that Lifecycle and its supervisor are both built from."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from racetrack_commons.api.metrics import create_registry
from racetrack_commons.auth.token import internal_token
from racetrack_commons.clock import Clock
from racetrack_commons.entities.image_builder_client import ImageBuilderClient
from racetrack_commons.plugin.engine import PluginEngine

from lifecycle.config import Config
from lifecycle.context import PluginContext, set_context
from lifecycle.database.connections import connect
from lifecycle.database.pool_metrics import watch_engine
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.domain.secrets import SecretBox
from lifecycle.infrastructure.registry import InfrastructureRegistry, PluginTargets, load_targets
from lifecycle.metrics import LifecycleMetrics


@dataclass(frozen=True)
class Core:
    """The database, the plugins, the infrastructure targets and the Image Builder's client of one process."""

    config: Config
    clock: Clock
    unit_of_work: UnitOfWorkFactory
    secret_box: SecretBox
    plugins: PluginEngine
    infrastructure: InfrastructureRegistry
    image_builder: ImageBuilderClient
    metrics: LifecycleMetrics
    metrics_registry: CollectorRegistry

    def close(self) -> None:
        """Stop the threads of plugins, and close all connections."""
        self.plugins.stop()
        set_context(None)
        self.image_builder.close()
        self.unit_of_work.engine.dispose()


def create_core(config: Config, clock: Clock | None = None) -> Core:
    """Build the core; the tables of the database must be up to date already."""
    clock = clock or Clock()
    registry = create_registry()
    engine = connect(config)
    watch_engine(engine, registry)
    unit_of_work = UnitOfWorkFactory(engine)
    secret_box = SecretBox(config.secret_key)
    set_context(PluginContext(unit_of_work, config.auth_key, secret_box))
    plugins = PluginEngine(config.plugins_dir)
    if config.bundled_plugins_dir is not None:
        plugins.install_bundled(config.bundled_plugins_dir)
    built_in = load_targets(config, unit_of_work, secret_box, clock)
    return Core(
        config=config,
        clock=clock,
        unit_of_work=unit_of_work,
        secret_box=secret_box,
        plugins=plugins,
        infrastructure=InfrastructureRegistry(built_in, PluginTargets(plugins).collect),
        image_builder=_create_image_builder(config),
        metrics=LifecycleMetrics.create(registry),
        metrics_registry=registry,
    )


def _create_image_builder(config: Config) -> ImageBuilderClient:
    token = internal_token("lifecycle", config.auth_key.get_secret_value())
    return ImageBuilderClient(config.image_builder_url, token)
