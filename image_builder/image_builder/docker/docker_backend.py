"""Everything that makes images of container jobs, put together."""

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from racetrack_client.log.logs import get_logger
from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import JobImage

from image_builder.config import ImageBuilderConfig
from image_builder.docker.docker_cli import DockerCli, DockerRefused, EngineImage
from image_builder.docker.docker_image_maker import DockerImageMaker, ImageSettings
from image_builder.docker.image_content import PLATFORM_LABEL
from image_builder.docker.push import RegistryPusher
from image_builder.job_type.template import TemplateRenderer
from image_builder.metrics import BuilderMetrics
from image_builder.running.programs import CommandFailed

logger = get_logger(__name__)


@dataclass(frozen=True)
class DockerImagePruner:
    """Prunes the images of one platform on one engine; several may do so at once."""

    docker: DockerCli
    platform: str

    def prune(self, needed: Collection[JobImage], before: datetime, now: datetime) -> list[str]:
        """Remove what is not needed, and was last needed before that moment; return the names of what is gone.

        Raises DockerUnavailable when the engine goes away meanwhile.
        """
        images = self.docker.list_images({PLATFORM_LABEL: self.platform})
        used = self.docker.list_used_images()
        # What was named since then is neither named again nor loses a name: a deployment may be about to need it.
        lately = now - (now - before) / 4
        removed = []
        for image in images:
            wanted = [name for name in image.names if _parse_name(name) in needed]
            if wanted:
                removed += self._keep(image, wanted, lately)
            elif image.id not in used:
                removed += self._remove(image.names or [image.id], before)
        return removed

    def _keep(self, image: EngineImage, wanted: Sequence[str], lately: datetime) -> list[str]:
        """Note that an image is needed, and take the names from it under which it is not."""
        if image.changed_at >= lately:
            return []
        removed = self._remove([name for name in image.names if name not in wanted], lately)
        try:
            self.docker.tag(wanted[0], wanted[0])
        except DockerRefused:
            return removed  # Somebody removed it.
        return removed

    def _remove(self, names: Sequence[str], before: datetime) -> list[str]:
        return [name for name in names if self._is_old(name, before) and self.docker.remove(name)]

    def _is_old(self, name: str, before: datetime) -> bool:
        """Look again: a build may have found a use for the image since."""
        image = self.docker.find_image(name)
        return image is not None and image.changed_at < before


@dataclass(frozen=True)
class CachePruning:
    """Looks for old cache again and again."""

    docker: DockerCli
    retention_hours: int
    """Cache that a build used later stays."""
    interval_minutes: float
    clock: Clock = field(default_factory=Clock)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begin; the first time comes after one interval."""
        threading.Thread(target=self._prune_periodically, name="cache pruning", daemon=True).start()

    def stop(self) -> None:
        """Do not begin again."""
        self._stopped.set()

    def _prune_periodically(self) -> None:
        while not self.clock.wait(self._stopped, self.interval_minutes * 60):
            try:
                self.docker.remove_old_cache(self.retention_hours)
            except CommandFailed as error:
                logger.warning(f"old build cache can't be removed now: {error}")


@dataclass(frozen=True)
class DockerBackend:
    """The making of Docker images: one per service."""

    maker: DockerImageMaker
    pruner: DockerImagePruner
    cache_pruning: CachePruning | None
    clock: Clock = field(default_factory=Clock)

    def start(self) -> None:
        """Nothing is left of builders that were killed but their workspaces."""

    def start_background_work(self) -> None:
        """Remove old build cache in the background."""
        if self.cache_pruning is not None:
            self.cache_pruning.start()

    def prune(self, needed: Collection[JobImage], before: datetime) -> list[str]:
        """Remove images that are not needed, and were last needed before that moment."""
        return self.pruner.prune(needed, before, self.clock.now())

    def check(self) -> None:
        """Raise DockerUnavailable unless the engine answers."""
        self.maker.docker.check()

    def stop(self) -> None:
        """End the work in the background."""
        if self.cache_pruning is not None:
            self.cache_pruning.stop()


def create_docker_backend(
    config: ImageBuilderConfig, environment: Mapping[str, str], metrics: BuilderMetrics
) -> DockerBackend:
    """Wire it; `environment` is all that Docker's client may see of the process's own."""
    docker = DockerCli(environment)
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
            docker, config.docker_registry, metrics, config.build_timeout_seconds
        )
    maker = DockerImageMaker(
        docker=docker,
        settings=settings,
        renderer=TemplateRenderer(),
        digest_key=config.auth_key.get_secret_value().encode(),
        pusher=pusher,
        wait_seconds=config.docker_wait_seconds,
    )
    cache_pruning = None
    if hours := config.build_cache_retention_hours:
        cache_pruning = CachePruning(docker, hours, config.build_cache_prune_interval_m)
    return DockerBackend(maker, DockerImagePruner(docker, config.platform_name), cache_pruning)


def _parse_name(name: str) -> JobImage:
    repository, _, tag = name.rpartition(":")
    return JobImage(job_name=repository.rpartition("/")[2], image_tag=tag)
