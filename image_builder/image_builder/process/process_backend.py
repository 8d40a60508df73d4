"""The backend of process images: wiring, the warm-up of environments, and the removal of unneeded images."""

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
from image_builder.running.build_users import BuildUsers
from image_builder.running.programs import BuildCancelled, Cancellation
from image_builder.running.progress import BuildLogFile, BuildProgress, EventHistory

logger = get_logger(__name__)

_MAX_LOG_BYTES = 1024 * 1024


@dataclass(frozen=True)
class EnvironmentWarmer:
    """Creates for each job type, before the first build, the environment that its jobs without requirements share."""

    maker: ProcessImageMaker
    job_types: JobTypeCatalog
    logs_dir: Path
    cancellation: Cancellation = field(default_factory=Cancellation)

    def start(self) -> None:
        """Start the warm-up in a thread; harmless when one already runs."""
        threading.Thread(target=self.warm_up_all, name="environment warm-up", daemon=True).start()

    def warm_up_all(self) -> None:
        """Create the environments of all job types; the first build that needs one tries again when this fails."""
        for job_type in self.job_types.list_all():
            if self.cancellation.is_cancelled:
                return
            self._warm_up(job_type)

    def list_pythons(self) -> set[Path]:
        """Return the paths of the Pythons in these environments; job types whose plugin is broken are left out."""
        pythons = (self._find_python(job_type) for job_type in self.job_types.list_all())
        return {python for python in pythons if python is not None}

    def stop(self) -> None:
        """Cancel the warm-up."""
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
        except Exception as error:  # noqa: BLE001 - a broken plugin or an index that is away must not end the thread
            logger.warning(f"the environment of job type {job_type} can't be made yet: {error}")

    def _find_python(self, job_type: JobType) -> Path | None:
        try:
            return self.maker.find_warm_python(job_type)
        except Exception:  # noqa: BLE001 - a plugin may be broken, which the warm-up already logged
            return None


@dataclass(frozen=True)
class ProcessImagePruner:
    """Removes unneeded images and environments from the directories that the builders of one machine share.

    Several pruners may run at once.
    """

    images: ImageStore
    environments: Environments
    warmer: EnvironmentWarmer

    def prune(self, needed: Collection[JobImage], before: datetime) -> list[str]:
        """Remove images that are not in `needed` and were last needed before `before`; return the removed names.

        An environment is removed unless an image uses it or it is the shared environment of a job type.
        """
        # Builders that were killed may have left partial images and environments.
        self.images.remove_leftovers()
        self.environments.remove_leftovers()
        removed = self.images.remove_unneeded(needed, before)
        pythons = self.images.list_pythons() | self.warmer.list_pythons()
        return removed + self.environments.remove_unneeded(pythons, before)


@dataclass(frozen=True)
class ProcessBackend:
    """Everything that one service has for process images."""

    maker: ProcessImageMaker
    warmer: EnvironmentWarmer
    pruner: ProcessImagePruner

    def start(self) -> None:
        """Create the directories, and remove the leftovers of builders that were killed."""
        for directory in (self.maker.images.root, self.maker.environments.root):
            directory.mkdir(parents=True, exist_ok=True)
            if self.maker.environments.users is not None:
                directory.chmod(0o711)
        self.maker.images.close_jobs()
        self.maker.images.remove_leftovers()
        self.maker.environments.remove_leftovers()

    def start_background_work(self) -> None:
        """Start the warm-up of environments, now and after each change of the plugins."""
        self.warmer.job_types.on_change(self.warmer.start)
        self.warmer.start()

    def prune(self, needed: Collection[JobImage], before: datetime) -> list[str]:
        """Remove unneeded images and environments."""
        return self.pruner.prune(needed, before)

    def check(self) -> None:
        """Do nothing: process images need no other program that runs."""

    def stop(self) -> None:
        """Cancel the warm-up."""
        self.warmer.stop()


def create_process_backend(
    config: ImageBuilderConfig,
    job_types: JobTypeCatalog,
    environment: Mapping[str, str],
    users: BuildUsers | None = None,
) -> ProcessBackend:
    """Wire the backend. `environment` holds all variables that uv inherits."""
    environments = Environments(
        root=config.environments_dir.absolute(),
        uv=Path(find_uv_bin()),
        inherited={**_uv_variables(config, has_users=users is not None), **environment},
        timeout_seconds=config.build_timeout_seconds,
        users=users,
        cache=config.uv_cache_dir and config.uv_cache_dir.absolute(),
    )
    images = ImageStore(config.images_dir.absolute())
    key = config.auth_key.get_secret_value().encode()
    maker = ProcessImageMaker(environments, images, TemplateRenderer(), key)
    warmer = EnvironmentWarmer(maker, job_types, config.build_logs_dir)
    return ProcessBackend(maker, warmer, ProcessImagePruner(images, environments, warmer))


def _uv_variables(config: ImageBuilderConfig, *, has_users: bool) -> dict[str, str]:
    variables = {"UV_HTTP_TIMEOUT": str(config.index_timeout_seconds), "UV_HTTP_RETRIES": "1"}
    if has_users:
        # Jobs can't reach the home directory of root.
        variables["UV_PYTHON_INSTALL_DIR"] = str(config.environments_dir.absolute() / ".pythons")
    elif config.uv_cache_dir is not None:
        variables["UV_CACHE_DIR"] = str(config.uv_cache_dir.absolute())
    return variables
