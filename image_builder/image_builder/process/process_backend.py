"""Everything that makes images of process jobs, put together."""

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from racetrack_client.log.logs import get_logger
from racetrack_commons.entities.dto import JobImage
from racetrack_commons.plugin.job_types import JobType
from racetrack_commons.redaction import SecretRedactor
from uv import find_uv_bin

from image_builder.config import ImageBuilderConfig
from image_builder.job_type.catalog import JobTypeCatalog
from image_builder.job_type.template import TemplateRenderer
from image_builder.process.image_store import ImageStore
from image_builder.process.process_image_maker import ProcessImageMaker
from image_builder.process.virtual_environments import Environments
from image_builder.running.programs import BuildCancelled, Cancellation
from image_builder.running.progress import BuildLogFile, BuildProgress, EventHistory

logger = get_logger(__name__)

_MAX_LOG_BYTES = 1024 * 1024


@dataclass(frozen=True)
class EnvironmentWarmer:
    """Makes, for each job type, the environment that its jobs without requirements share."""

    maker: ProcessImageMaker
    job_types: JobTypeCatalog
    logs_dir: Path
    cancellation: Cancellation = field(default_factory=Cancellation)

    def start(self) -> None:
        """Begin in the background; harmless when it runs already."""
        threading.Thread(target=self.warm_up_all, name="environment warm-up", daemon=True).start()

    def warm_up_all(self) -> None:
        """Make all of them; what fails now is tried again by the first build that needs it."""
        for job_type in self.job_types.list_all():
            if self.cancellation.is_cancelled:
                return
            self._warm_up(job_type)

    def list_pythons(self) -> set[Path]:
        """List the Pythons of these environments, as far as they can be told."""
        pythons = (self._find_python(job_type) for job_type in self.job_types.list_all())
        return {python for python in pythons if python is not None}

    def stop(self) -> None:
        """Leave the rest to the builds."""
        self.cancellation.cancel()

    def _warm_up(self, job_type: JobType) -> None:
        try:
            with BuildLogFile(self.logs_dir / "warm-up.log", _MAX_LOG_BYTES) as log_file:
                progress = BuildProgress(
                    EventHistory(), log_file, SecretRedactor([]), self.cancellation, lambda *_: None
                )
                self.maker.warm_up(job_type, progress)
        except BuildCancelled:
            return
        except Exception as error:  # noqa: BLE001 - nobody waits for it: a plugin may be broken, the index away
            logger.warning(f"the environment of job type {job_type} can't be made yet: {error}")

    def _find_python(self, job_type: JobType) -> Path | None:
        try:
            return self.maker.find_warm_python(job_type)
        except Exception:  # noqa: BLE001 - a plugin may be broken, as the warm-up said already
            return None


@dataclass(frozen=True)
class ProcessImagePruner:
    """Prunes the directories that builders of one machine share; several may do so at once."""

    images: ImageStore
    environments: Environments
    warmer: EnvironmentWarmer

    def prune(self, needed: Collection[JobImage], before: datetime) -> list[str]:
        """Remove what is not needed, and was last needed before that moment; return the names of what is gone.

        An environment is needed as long as an image stands on it, or the next job may by its job type.
        """
        # Also what a builder left that was killed at it.
        self.images.remove_leftovers()
        self.environments.remove_leftovers()
        removed = self.images.remove_unneeded(needed, before)
        pythons = self.images.list_pythons() | self.warmer.list_pythons()
        return removed + self.environments.remove_unneeded(pythons, before)


@dataclass(frozen=True)
class ProcessBackend:
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

    def start_background_work(self) -> None:
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


def create_process_backend(
    config: ImageBuilderConfig, job_types: JobTypeCatalog, environment: Mapping[str, str]
) -> ProcessBackend:
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
    return ProcessBackend(maker, warmer, ProcessImagePruner(images, environments, warmer))


def _uv_variables(config: ImageBuilderConfig) -> dict[str, str]:
    variables = {"UV_HTTP_TIMEOUT": str(config.index_timeout_seconds), "UV_HTTP_RETRIES": "1"}
    if config.uv_cache_dir is not None:
        variables["UV_CACHE_DIR"] = str(config.uv_cache_dir.absolute())
    return variables
