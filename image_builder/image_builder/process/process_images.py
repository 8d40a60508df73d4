"""Everything that makes images of process jobs, put together."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from racetrack_commons.entities.dto import JobImage
from uv import find_uv_bin

from image_builder.config import Config
from image_builder.job_type.resolve import JobTypes
from image_builder.job_type.template import TemplateRenderer
from image_builder.process.environment import Environments
from image_builder.process.image_store import ImageStore
from image_builder.process.maker import ProcessImageMaker
from image_builder.process.prune import ProcessImagePruner
from image_builder.process.warm_up import EnvironmentWarmer


@dataclass(frozen=True)
class ProcessImages:
    """The making of process images: one per service."""

    maker: ProcessImageMaker
    warmer: EnvironmentWarmer
    pruner: ProcessImagePruner

    def start(self) -> None:
        """Clean up after builders that were killed."""
        for directory in (self.maker.images.root, self.maker.environments.root):
            directory.mkdir(parents=True, exist_ok=True)
        self.maker.images.remove_leftovers()
        self.maker.environments.remove_leftovers()

    def serve(self) -> None:
        """Make in the background what most builds will need, also after each change of the plugins."""
        self.warmer.job_types.on_change(self.warmer.start)
        self.warmer.start()

    def prune(self, needed: Collection[JobImage], before: datetime) -> list[str]:
        """Remove images and environments that are not needed, and were last needed before that moment."""
        return self.pruner.prune(needed, before)

    def check(self) -> None:
        """Nothing else needs to answer."""

    def stop(self) -> None:
        """End the work in the background."""
        self.warmer.stop()


def create_process_images(
    config: Config, job_types: JobTypes, environment: Mapping[str, str]
) -> ProcessImages:
    """Wire it; `environment` is all that uv may see of the process's own."""
    environments = Environments(
        root=config.environments_dir.absolute(),
        uv=Path(find_uv_bin()),
        inherited={**_uv_variables(config), **environment},
        timeout_seconds=config.build_timeout_seconds,
    )
    images = ImageStore(config.images_dir.absolute())
    key = config.auth_key.get_secret_value().encode()
    maker = ProcessImageMaker(environments, images, TemplateRenderer(), key)
    warmer = EnvironmentWarmer(maker, job_types, config.build_logs_dir)
    return ProcessImages(maker, warmer, ProcessImagePruner(images, environments, warmer))


def _uv_variables(config: Config) -> dict[str, str]:
    variables = {"UV_HTTP_TIMEOUT": str(config.index_timeout_seconds), "UV_HTTP_RETRIES": "1"}
    if config.uv_cache_dir is not None:
        variables["UV_CACHE_DIR"] = str(config.uv_cache_dir.absolute())
    return variables
