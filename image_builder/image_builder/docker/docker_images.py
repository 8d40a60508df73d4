"""Everything that makes images of container jobs, put together."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import JobImage

from image_builder.config import Config
from image_builder.docker.assembly import ImageSettings
from image_builder.docker.cache import CachePruning
from image_builder.docker.engine import DockerEngine
from image_builder.docker.maker import DockerImageMaker
from image_builder.docker.prune import DockerImagePruner
from image_builder.docker.push import RegistryPusher
from image_builder.job_type.template import TemplateRenderer
from image_builder.metrics import BuilderMetrics


@dataclass(frozen=True)
class DockerImages:
    """The making of Docker images: one per service."""

    maker: DockerImageMaker
    pruner: DockerImagePruner
    cache_pruning: CachePruning | None
    clock: Clock = field(default_factory=Clock)

    def start(self) -> None:
        """Nothing is left of builders that were killed but their workspaces."""

    def serve(self) -> None:
        """Remove old build cache in the background."""
        if self.cache_pruning is not None:
            self.cache_pruning.start()

    def prune(self, needed: Collection[JobImage], before: datetime) -> list[str]:
        """Remove images that are not needed, and were last needed before that moment."""
        return self.pruner.prune(needed, before, self.clock.now())

    def check(self) -> None:
        """Raise EngineUnavailable unless the engine answers."""
        self.maker.engine.check()

    def stop(self) -> None:
        """End the work in the background."""
        if self.cache_pruning is not None:
            self.cache_pruning.stop()


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
    cache_pruning = None
    if hours := config.build_cache_retention_hours:
        cache_pruning = CachePruning(engine, hours, config.build_cache_prune_interval_m)
    return DockerImages(maker, DockerImagePruner(engine, config.platform_name), cache_pruning)
