"""The builds of this service: a limited number run at once, the others wait; repeated requests join a running build."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from racetrack_client.log.context_error import find_cause
from racetrack_client.log.errors import EntityNotFound, ServiceUnavailable, ValidationError
from racetrack_client.log.logs import get_logger
from racetrack_commons.entities.dto import BuildEventKind, BuildResult
from racetrack_commons.redaction import SecretRedactor

from image_builder.build_request import BuildRequest
from image_builder.metrics import BuilderMetrics
from image_builder.running.programs import BuildCancelled, Cancellation, CommandFailed
from image_builder.running.progress import (
    BuildLogs,
    BuildProgress,
    EventHistory,
    ProgressEvent,
)

logger = get_logger(__name__)

RunBuild = Callable[[BuildRequest, BuildProgress], BuildResult]
_EXPECTED = (ValidationError, CommandFailed, BuildCancelled)


@dataclass
class Build:
    """One build that waits, runs or has ended."""

    deployment_id: str
    history: EventHistory = field(default_factory=EventHistory)
    cancellation: Cancellation = field(default_factory=Cancellation)
    result: BuildResult | None = None
    """Set when the build ended with a result. A failed program gives a result too: its `error` holds the reason."""
    error: Exception | None = None
    """Set when the build ended without a result."""
    _ended: threading.Event = field(default_factory=threading.Event)

    @property
    def has_ended(self) -> bool:
        """True once the last event is in the history."""
        return self._ended.is_set()

    @property
    def is_joinable(self) -> bool:
        """True if a repeated request joins this build: it still runs, or it made its image."""
        return not self.has_ended or (self.result is not None and self.result.error is None)

    def succeed(self, result: BuildResult) -> None:
        """End the build with its images."""
        self._end_with(result)

    def fail(self, error: Exception, text: str) -> None:
        """End the build without images; `text` is the error without secrets."""
        if find_cause(error, CommandFailed):
            self._end_with(BuildResult(error=text))
            return
        self.error = error
        self._end({"error": text})

    def wait(self) -> None:
        """Wait until the build has ended."""
        self._ended.wait()

    def _end_with(self, result: BuildResult) -> None:
        self.result = result.model_copy(update={"logs": self.history.read_log()})
        self._end({"result": self.result.model_dump(mode="json")})

    def _end(self, data: dict[str, object]) -> None:
        self.history.append(ProgressEvent(BuildEventKind.RESULT, data))
        self._ended.set()


@dataclass(frozen=True)
class BuildLimits:
    """The limits of the builds of one service."""

    max_concurrent_builds: int
    """Number of builds that run at once; others wait."""
    max_remembered_builds: int = 50
    """Number of ended builds that a repeated request can still join; later requests find the image by its content."""


class Builds:
    """Runs builds in its own threads."""

    def __init__(
        self, run_build: RunBuild, logs: BuildLogs, limits: BuildLimits, metrics: BuilderMetrics
    ) -> None:
        self._run_build = run_build
        self._logs = logs
        self._limits = limits
        self._metrics = metrics
        self._lock = threading.Lock()
        self._builds: OrderedDict[str, Build] = OrderedDict()
        self._stopping = False
        self._executor = ThreadPoolExecutor(
            limits.max_concurrent_builds, thread_name_prefix="build"
        )

    def submit(self, request: BuildRequest) -> Build:
        """Start a build, or return the build of the same deployment that still runs or made its image.

        Raises ServiceUnavailable while the service stops.
        """
        with self._lock:
            if self._stopping:
                raise ServiceUnavailable("the Image Builder is stopping; ask again in some seconds")
            build = self._builds.get(request.deployment_id)
            if build is not None and build.is_joinable:
                return build
            build = self._builds[request.deployment_id] = Build(request.deployment_id)
            self._builds.move_to_end(request.deployment_id)
            self._report_queue(build)
            self._forget_oldest()
            self._executor.submit(self._build_in_thread, build, request)
        self._metrics.requests.labels(request.manifest.name, request.manifest.version).inc()
        return build

    def cancel(self, deployment_id: str) -> None:
        """Cancel a build that waits or runs; raises EntityNotFound when there is none."""
        with self._lock:
            build = self._builds.get(deployment_id)
        if build is None or build.has_ended:
            raise EntityNotFound(f"no build of deployment {deployment_id} waits or runs")
        logger.info(f"cancelling the build of deployment {deployment_id}")
        build.cancellation.cancel()

    def stop(self) -> None:
        """Cancel all builds and wait for their ends."""
        with self._lock:
            self._stopping = True
            builds = list(self._builds.values())
        for build in builds:
            build.cancellation.cancel()
        self._executor.shutdown(wait=True)

    def _report_queue(self, build: Build) -> None:
        unfinished = sum(not other.has_ended for other in self._builds.values()) - 1
        if unfinished >= self._limits.max_concurrent_builds:
            ahead = unfinished - self._limits.max_concurrent_builds + 1
            text = f"waiting for other builds ({ahead} before this one)"
            build.history.append(ProgressEvent(BuildEventKind.PHASE, text))

    def _forget_oldest(self) -> None:
        ended = [build for build in self._builds.values() if build.has_ended]
        for build in ended[: max(0, len(ended) - self._limits.max_remembered_builds)]:
            del self._builds[build.deployment_id]

    def _build_in_thread(self, build: Build, request: BuildRequest) -> None:
        start = time.monotonic()
        labels = (request.manifest.name, request.manifest.version)
        redactor = SecretRedactor(request.secrets)
        with self._metrics.active_building_tasks.track_inprogress():
            try:
                build.succeed(self._build(build, request, redactor))
                self._metrics.images_built.inc()
                logger.info(f"built job {request.job}", extra={"deployment": build.deployment_id})
            except Exception as error:  # noqa: BLE001 - callers that wait must get every error
                self._metrics.images_building_errors.inc()
                text = redactor.redact(str(error))
                _log_failure(request, error, text)
                build.fail(error, text)
        self._metrics.done_requests.labels(*labels).inc()
        self._metrics.request_duration.labels(*labels).inc(time.monotonic() - start)

    def _build(self, build: Build, request: BuildRequest, redactor: SecretRedactor) -> BuildResult:
        def count_phase(phase: str, seconds: float) -> None:
            self._metrics.count_phase(
                request.manifest.name, request.manifest.version, phase, seconds
            )

        with self._logs.open(request.deployment_id) as log_file:
            progress = BuildProgress(
                build.history, log_file, redactor, build.cancellation, count_phase
            )
            try:
                return self._run_build(request, progress)
            except Exception as error:
                progress.log(f"the build failed: {error}")
                raise


def _log_failure(request: BuildRequest, error: Exception, text: str) -> None:
    # Only an unexpected error needs a traceback; the job's author can't use one.
    logger.error(
        f"building job {request.job} failed: {text}",
        exc_info=None if find_cause(error, *_EXPECTED) else error,
        extra={"deployment": request.deployment_id},
    )
