"""Making environments before anybody waits for them."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

from racetrack_client.log.logs import get_logger
from racetrack_commons.redaction import SecretRedactor

from image_builder.job_type.job_type import JobType
from image_builder.job_type.resolve import JobTypes
from image_builder.process.maker import ProcessImageMaker
from image_builder.running.cancellation import BuildCancelled, Cancellation
from image_builder.running.journal import BuildJournal
from image_builder.running.log_file import BuildLogFile
from image_builder.running.progress import BuildProgress

logger = get_logger(__name__)

_MAX_LOG_BYTES = 1024 * 1024


@dataclass(frozen=True)
class EnvironmentWarmer:
    """Makes, for each job type, the environment that its jobs without requirements share."""

    maker: ProcessImageMaker
    job_types: JobTypes
    logs_dir: Path
    cancellation: Cancellation = field(default_factory=Cancellation)

    def start(self) -> None:
        """Begin in the background; harmless when it runs already."""
        threading.Thread(target=self.run, name="environment warm-up", daemon=True).start()

    def run(self) -> None:
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
                    BuildJournal(), log_file, SecretRedactor([]), self.cancellation, lambda *_: None
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
