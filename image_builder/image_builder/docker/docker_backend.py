"""The backend of Docker images: wiring, the removal of unneeded images, and the removal of old build cache.

Only images with our labels are removed, so that others on the same engine stay, and only if no container uses them. The
engine records when an image was tagged last: the time at which it was made or was last needed.
"""

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from racetrack_client.docker_labels import DockerLabel
from racetrack_client.log.errors import ValidationError
from racetrack_client.log.logs import get_logger
from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import JobImage

from image_builder.config import ImageBuilderConfig
from image_builder.docker.buildkit import (
    BuildKit,
    BuildKitCertificates,
    RegistryImages,
    check_address,
)
from image_builder.docker.docker_cli import DockerCli, DockerRefused, EngineImage
from image_builder.docker.docker_image_maker import DockerImageMaker, ImageSettings
from image_builder.docker.image_content import DockerImages, EngineImages
from image_builder.docker.push import RegistryPusher
from image_builder.job_type.template import TemplateRenderer
from image_builder.metrics import BuilderMetrics
from image_builder.running.programs import CommandFailed

logger = get_logger(__name__)


@dataclass(frozen=True)
class DockerImagePruner:
    """Removes the unneeded images of one platform on one engine; several pruners may run at once."""

    docker: DockerCli
    platform: str

    def prune(self, needed: Collection[JobImage], before: datetime, now: datetime) -> list[str]:
        """Remove images that are not in `needed` and were last needed before `before`; return the removed names.

        Raises DockerUnavailable when the engine goes away meanwhile.
        """
        images = self.docker.list_images({DockerLabel.PLATFORM: self.platform})
        used = self.docker.list_used_images()
        # Images that were tagged after this time are left alone: a deployment may be about to need them.
        recently = now - (now - before) / 4
        removed = []
        for image in images:
            wanted = [name for name in image.names if _parse_name(name) in needed]
            if wanted:
                removed += self._keep(image, wanted, recently)
            elif image.id not in used:
                removed += self._remove(image.names or [image.id], before)
        return removed

    def _keep(self, image: EngineImage, wanted: Sequence[str], recently: datetime) -> list[str]:
        """Record that an image is needed, and remove its names that are not needed; return the removed names."""
        if image.changed_at >= recently:
            return []
        removed = self._remove([name for name in image.names if name not in wanted], recently)
        try:
            self.docker.tag(wanted[0], wanted[0])
        except DockerRefused:
            return removed  # The image was removed meanwhile.
        return removed

    def _remove(self, names: Sequence[str], before: datetime) -> list[str]:
        return [name for name in names if self._is_old(name, before) and self.docker.remove(name)]

    def _is_old(self, name: str, before: datetime) -> bool:
        """Return whether the image is still old: a build may have reused it since the list was made."""
        image = self.docker.find_image(name)
        return image is not None and image.changed_at < before


class BuildCache(Protocol):
    """The cache of an engine, or of a BuildKit."""

    def remove_old_cache(self, unused_hours: int) -> str:
        """Remove build cache that was unused for `unused_hours`; return a summary. Raises CommandFailed."""


@dataclass(frozen=True)
class CachePruning:
    """Removes old build cache periodically, in a thread of its own.

    The engine has one cache for all builds on it, and only records when an entry was last used.
    """

    cache: BuildCache
    retention_hours: int
    """Hours that unused cache stays."""
    interval_minutes: float
    clock: Clock = field(default_factory=Clock)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Start the thread; the first removal happens after one interval."""
        threading.Thread(target=self._prune_periodically, name="cache pruning", daemon=True).start()

    def stop(self) -> None:
        """Start no further removal."""
        self._stopped.set()

    def _prune_periodically(self) -> None:
        while not self.clock.wait(self._stopped, self.interval_minutes * 60):
            try:
                self.cache.remove_old_cache(self.retention_hours)
            except CommandFailed as error:
                logger.warning(f"old build cache can't be removed now: {error}")


@dataclass(frozen=True)
class DockerBackend:
    """Everything that one service has for Docker images."""

    maker: DockerImageMaker
    pruner: DockerImagePruner | None
    """None where a registry keeps the images, which removes them by rules of its own."""
    cache_pruning: CachePruning | None
    clock: Clock = field(default_factory=Clock)

    def start(self) -> None:
        """Do nothing: killed builders leave only their workspaces."""

    def start_background_work(self) -> None:
        """Start the removal of old build cache, if it is enabled."""
        if self.cache_pruning is not None:
            self.cache_pruning.start()

    def prune(self, needed: Collection[JobImage], before: datetime) -> list[str]:
        """Remove unneeded images of this platform from the engine."""
        return self.pruner.prune(needed, before, self.clock.now()) if self.pruner else []

    def check(self) -> None:
        """Raise BackendUnavailable unless the engine, or BuildKit, answers."""
        self.maker.images.check()

    def stop(self) -> None:
        """Stop the removal of old build cache."""
        if self.cache_pruning is not None:
            self.cache_pruning.stop()


def create_docker_backend(
    config: ImageBuilderConfig, environment: Mapping[str, str], metrics: BuilderMetrics
) -> DockerBackend:
    """Wire the backend. `environment` holds all variables that Docker's client inherits."""
    docker = DockerCli(environment)
    if config.buildkit_address:
        return _create_buildkit_backend(config, docker, metrics)
    pusher = None
    if config.docker_registry:
        pusher = RegistryPusher(
            docker, config.docker_registry, metrics, config.build_timeout_seconds
        )
    images = EngineImages(docker, config.docker_wait_seconds)
    pruner = DockerImagePruner(docker, config.platform_name)
    return DockerBackend(
        _create_maker(config, images, pusher), pruner, _create_pruning(config, docker)
    )


def _create_buildkit_backend(
    config: ImageBuilderConfig, docker: DockerCli, metrics: BuilderMetrics
) -> DockerBackend:
    check_address(config.buildkit_address)
    if not config.docker_registry:
        raise ValidationError(
            "BUILDKIT_ADDRESS needs DOCKER_REGISTRY: BuildKit keeps no images, it pushes them"
        )
    certificates = BuildKitCertificates(
        config.buildkit_ca_file, config.buildkit_certificate_file, config.buildkit_key_file
    )
    buildkit = BuildKit(docker, config.buildkit_address, certificates)
    images = RegistryImages(
        buildkit,
        config.docker_registry,
        metrics,
        config.buildkit_insecure_registry,
        config.docker_wait_seconds,
    )
    return DockerBackend(
        _create_maker(config, images, None), None, _create_pruning(config, buildkit)
    )


def _create_maker(
    config: ImageBuilderConfig, images: DockerImages, pusher: RegistryPusher | None
) -> DockerImageMaker:
    settings = ImageSettings(
        registry=config.image_registry,
        platform=config.platform_name,
        network=config.docker_build_network,
        timeout_seconds=config.build_timeout_seconds,
    )
    return DockerImageMaker(
        images=images,
        settings=settings,
        renderer=TemplateRenderer(),
        digest_key=config.auth_key.get_secret_value().encode(),
        pusher=pusher,
    )


def _create_pruning(config: ImageBuilderConfig, cache: BuildCache) -> CachePruning | None:
    if hours := config.build_cache_retention_hours:
        return CachePruning(cache, hours, config.build_cache_prune_interval_m)
    return None


def _parse_name(name: str) -> JobImage:
    repository, _, tag = name.rpartition(":")
    return JobImage(job_name=repository.rpartition("/")[2], image_tag=tag)
