"""Everything that makes images of container jobs, put together."""

from collections.abc import Mapping
from dataclasses import dataclass

from image_builder.config import Config
from image_builder.docker.assembly import ImageSettings
from image_builder.docker.engine import DockerEngine
from image_builder.docker.maker import DockerImageMaker
from image_builder.docker.prune import ImagePruner, PruneRules, PruneSchedule
from image_builder.docker.push import RegistryPusher
from image_builder.job_type.template import TemplateRenderer
from image_builder.metrics import BuilderMetrics


@dataclass(frozen=True)
class DockerImages:
    """The making of Docker images: one per service."""

    maker: DockerImageMaker
    pruning: PruneSchedule | None

    def start(self) -> None:
        """Nothing is left of builders that were killed but their workspaces."""

    def serve(self) -> None:
        """Prune in the background."""
        if self.pruning is not None:
            self.pruning.start()

    def check(self) -> None:
        """Raise EngineUnavailable unless the engine answers."""
        self.maker.engine.check()

    def stop(self) -> None:
        """End the pruning."""
        if self.pruning is not None:
            self.pruning.stop()


def create_docker_images(
    config: Config, environment: Mapping[str, str], metrics: BuilderMetrics
) -> DockerImages:
    """Wire it; `environment` is all that Docker's client may see of the process's own."""
    engine = DockerEngine(environment)
    settings = ImageSettings(
        registry=config.docker_registry,
        namespace=config.docker_registry_namespace,
        platform=config.platform_name,
        network=config.docker_build_network,
        timeout_seconds=config.build_timeout_seconds,
    )
    pusher = None
    if config.docker_registry:
        pusher = RegistryPusher(
            engine, config.docker_registry, metrics, config.build_timeout_seconds
        )
    maker = DockerImageMaker(
        engine=engine,
        settings=settings,
        renderer=TemplateRenderer(),
        digest_key=config.auth_key.get_secret_value().encode(),
        pusher=pusher,
        wait_seconds=config.docker_wait_seconds,
    )
    return DockerImages(maker, _create_pruning(config, engine))


def _create_pruning(config: Config, engine: DockerEngine) -> PruneSchedule | None:
    if not config.build_cache_retention_hours:
        return None
    rules = PruneRules(config.build_cache_retention_hours, config.kept_images_per_job)
    pruner = ImagePruner(engine, config.platform_name, rules)
    return PruneSchedule(pruner, config.build_cache_prune_interval_m)
