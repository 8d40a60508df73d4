"""The first step: have the Image Builder build the image, and store its log while it grows."""

import base64
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from racetrack_client.log.context_error import wrap_context
from racetrack_client.log.errors import EntityNotFound, ServiceUnavailable
from racetrack_client.log.logs import get_logger
from racetrack_client.utils.datamodel import load_yaml_map
from racetrack_commons.deploy.image import ImageRegistry
from racetrack_commons.entities.dto import BuildEventKind, BuildPayload, BuildResult, DeploymentDto
from racetrack_commons.entities.image_builder_client import BuildEvent, ImageBuilderClient

from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.deployment.attempt.attempt import Attempt
from lifecycle.deployment.attempt.claim import Claim
from lifecycle.deployment.attempt.failure import DeploymentFailed
from lifecycle.domain.deployment import Phase, TaskKind, TaskStep

logger = get_logger(__name__)

_MOST_RECONNECTIONS = 5
_WAIT_FOR_BUILDER_SECONDS = 30
_PAUSE_SECONDS = 0.3
_FLUSH_SECONDS = 0.5


class BuildStep:
    """Follows a build to its end, also when the Image Builder restarts meanwhile."""

    def __init__(self, image_builder: ImageBuilderClient, registry: ImageRegistry) -> None:
        self._image_builder = image_builder
        self._registry = registry

    def carry_out(self, attempt: Attempt) -> TaskStep:
        """Build the image; store its log, its name and the job type's version."""
        claim = attempt.claim
        with claim.writing() as uow:
            uow.deployments.set_phase(claim.deployment_id, Phase.BUILDING_IMAGE, claim.now())
            uow.deployments.set_build_logs(claim.deployment_id, "")
            bundle = _read_bundle(uow, attempt.task.source_digest)
        with wrap_context("building an image"):
            result = self._build(attempt, _make_payload(attempt, bundle))
            self._store_result(attempt, result)
            if result.error:
                raise DeploymentFailed(result.error, hint=_make_hint(attempt))
        return self._advance(attempt, result)

    def _build(self, attempt: Attempt, payload: BuildPayload) -> BuildResult:
        claim = attempt.claim
        for _ in range(_MOST_RECONNECTIONS):
            try:
                return self._follow(attempt, self._image_builder.build(payload))
            except ServiceUnavailable as error:
                logger.warning(f"deployment {claim.deployment_id}: {error}; asking again")
                self._wait_for_builder(claim)
                with claim.writing() as uow:  # The builder replays a joined build from its start.
                    uow.deployments.set_build_logs(claim.deployment_id, "")
        raise DeploymentFailed(
            f"the Image Builder went away {_MOST_RECONNECTIONS} times during the build",
            hint="look at the log of the Image Builder; is there enough memory for the build?",
        )

    def _follow(self, attempt: Attempt, events: Iterator[BuildEvent]) -> BuildResult:
        with BuildLogWriter(attempt) as log:
            for event in events:
                attempt.claim.check_is_wanted()
                if event.kind == BuildEventKind.PHASE:
                    attempt.claim.set_phase(event.text)
                elif event.kind == BuildEventKind.LOG:
                    log.append(event.text)
                elif event.kind == BuildEventKind.WARNING:
                    attempt.store_warning(event.text)
                elif event.result is not None:
                    return event.result
        raise ServiceUnavailable("the Image Builder ended its stream without a result")

    def _wait_for_builder(self, claim: Claim) -> None:
        deadline = claim.monotonic() + _WAIT_FOR_BUILDER_SECONDS
        claim.pause(_PAUSE_SECONDS)
        while not self._image_builder.is_healthy():
            if claim.monotonic() > deadline:
                raise DeploymentFailed(
                    f"the Image Builder did not come back within {_WAIT_FOR_BUILDER_SECONDS} s",
                    hint="start it, then deploy again",
                )
            claim.pause(_PAUSE_SECONDS)

    def _store_result(self, attempt: Attempt, result: BuildResult) -> None:
        deployment_id = attempt.claim.deployment_id
        with attempt.claim.writing() as uow:
            if result.logs:
                logs = attempt.redactor.redact(result.logs)
                uow.deployments.set_build_logs(deployment_id, logs)
            uow.deployments.set_image(deployment_id, self._name_image(attempt, result))

    def _name_image(self, attempt: Attempt, result: BuildResult) -> str:
        if result.image_names:
            return result.image_names[0]
        tag = result.image_tag or _choose_tag(attempt)
        return self._registry.name_job_image(attempt.manifest.name, tag)

    def _advance(self, attempt: Attempt, result: BuildResult) -> TaskStep:
        is_build_alone = attempt.task.kind == TaskKind.BUILD
        next_step = TaskStep.FINISH if is_build_alone else TaskStep.PROVISION
        with attempt.claim.writing() as uow:
            uow.deployment_tasks.store_image(
                attempt.claim.lease,
                result.image_tag or _choose_tag(attempt),
                result.image_names,
                result.job_type_version,
            )
            uow.deployment_tasks.advance(attempt.claim.lease, next_step)
        return next_step


class BuildLogWriter:
    """Collects log lines, and writes them twice a second from a thread of its own."""

    def __init__(self, attempt: Attempt) -> None:
        self._claim = attempt.claim
        self._redactor = attempt.redactor
        self._pending: list[str] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(
            target=self._flush_until_ended, name="build-log", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        error_class: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        if error is None:
            self._raise_error()

    def append(self, text: str) -> None:
        """Add lines; raise the error of an earlier write, if there was one."""
        self._raise_error()
        with self._lock:
            self._pending.append(text if text.endswith("\n") else f"{text}\n")

    def _flush_until_ended(self) -> None:
        is_ended = False
        while not is_ended and self._error is None:
            is_ended = self._ended.wait(_FLUSH_SECONDS)
            try:
                self._flush()
            except Exception as error:  # noqa: BLE001 - raised again in the thread that appends
                self._error = error

    def _flush(self) -> None:
        with self._lock:
            text, self._pending = "".join(self._pending), []
        if text:
            redacted = self._redactor.redact(text)
            with self._claim.writing() as uow:
                uow.deployments.append_build_logs(self._claim.deployment_id, redacted)

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error


def make_image_tag(deployment: DeploymentDto) -> str:
    """Return the tag of a deployment's image, made from its time and id, so that a repeated build has the same."""
    moment = datetime.fromtimestamp(deployment.create_time, UTC)
    return f"{moment:%Y-%m-%dT%H%M%S}-{deployment.id[:8]}"


def _choose_tag(attempt: Attempt) -> str:
    """Keep the tag of a lost image that is built again from the same source; make a new one otherwise."""
    if attempt.task.image_tag and attempt.task.source_digest:
        return attempt.task.image_tag
    return make_image_tag(attempt.deployment)


def _read_bundle(uow: UnitOfWork, digest: str | None) -> bytes | None:
    if digest is None:
        return None
    content = uow.bundles.find(digest)
    if content is None:
        raise EntityNotFound(f"the source bundle {digest[:12]} is gone; deploy the job again")
    return content


def _make_hint(attempt: Attempt) -> str:
    command = f"racetrack build-logs {attempt.manifest.name} --version {attempt.manifest.version}"
    return f"`{command}` shows the whole log of the build"


def _make_payload(attempt: Attempt, bundle: bytes | None) -> BuildPayload:
    return BuildPayload(
        manifest=load_yaml_map(attempt.deployment.manifest_yaml),
        tag=_choose_tag(attempt),
        deployment_id=attempt.deployment.id,
        git_credentials=attempt.secrets.git_credentials,
        secret_build_env=attempt.secrets.secret_build_env,
        build_context=base64.b64encode(bundle).decode() if bundle is not None else None,
        build_flags=attempt.task.build_flags,
        image_kind=attempt.task.image_kind,
        job_type_version=attempt.task.job_type_version or None,
    )
