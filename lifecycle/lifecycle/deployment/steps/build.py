"""The first step: have the Image Builder make the image."""

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
from racetrack_commons.deploy.image import get_job_image
from racetrack_commons.entities.dto import BuildEventKind, BuildPayload, BuildResult, DeploymentDto
from racetrack_commons.entities.image_builder_client import BuildEvent, ImageBuilderClient
from racetrack_commons.redaction import SecretRedactor

from lifecycle.database.repositories.deployment_tasks import TaskKind, TaskStep
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.deployment.attempt.claim import ClaimedDeployment
from lifecycle.deployment.attempt.failure import DeploymentFailed
from lifecycle.deployment.attempt.phases import Phase
from lifecycle.deployment.attempt.state import DeploymentState

logger = get_logger(__name__)

_MOST_RECONNECTIONS = 5
_WAIT_FOR_BUILDER_SECONDS = 30
_PAUSE_SECONDS = 0.3
_FLUSH_SECONDS = 0.5


class BuildStep:
    """Streams a build; goes on with it when the Image Builder was away for a while."""

    def __init__(
        self, image_builder: ImageBuilderClient, docker_registry: str, registry_namespace: str
    ) -> None:
        self._image_builder = image_builder
        self._docker_registry = docker_registry
        self._registry_namespace = registry_namespace

    def run(self, claimed: ClaimedDeployment, state: DeploymentState) -> TaskStep:
        """Build, and store log, image and job type."""
        with claimed.writing() as uow:
            uow.deployments.set_phase(
                claimed.deployment_id, Phase.BUILDING_IMAGE, claimed.clock.now()
            )
            uow.deployments.set_build_logs(claimed.deployment_id, "")
            bundle = _find_bundle(uow, state.task.source_digest)
        with wrap_context("building an image"):
            result = self._build(claimed, state, _make_payload(state, bundle))
            self._store_result(claimed, state, result)
            if result.error:
                raise DeploymentFailed(
                    result.error, hint="`racetrack build-logs` shows the whole log of the build"
                )
        return self._advance(claimed, state, result)

    def _build(
        self, claimed: ClaimedDeployment, state: DeploymentState, payload: BuildPayload
    ) -> BuildResult:
        for _ in range(_MOST_RECONNECTIONS):
            try:
                return self._follow(claimed, state, self._image_builder.build(payload))
            except ServiceUnavailable as error:
                logger.warning(f"deployment {claimed.deployment_id}: {error}; asking again")
                self._wait_for_builder(claimed)
                with claimed.writing() as uow:  # The builder tells a joined build from its start.
                    uow.deployments.set_build_logs(claimed.deployment_id, "")
        raise DeploymentFailed(
            f"the Image Builder went away {_MOST_RECONNECTIONS} times during the build",
            hint="look at the log of the Image Builder; is there enough memory for the build?",
        )

    def _follow(
        self, claimed: ClaimedDeployment, state: DeploymentState, events: Iterator[BuildEvent]
    ) -> BuildResult:
        with BuildLogWriter(claimed, state.mask) as log:
            for event in events:
                claimed.check_is_wanted()
                if event.kind == BuildEventKind.PHASE:
                    claimed.set_phase(event.text)
                elif event.kind == BuildEventKind.LOG:
                    log.append(event.text)
                elif event.kind == BuildEventKind.WARNING:
                    with claimed.writing() as uow:
                        uow.deployments.append_warnings(
                            claimed.deployment_id,
                            state.mask.redact(event.text),
                            claimed.clock.now(),
                        )
                elif event.result is not None:
                    return event.result
        raise ServiceUnavailable("the Image Builder ended its stream without a result")

    def _wait_for_builder(self, claimed: ClaimedDeployment) -> None:
        deadline = claimed.clock.monotonic() + _WAIT_FOR_BUILDER_SECONDS
        claimed.pause(_PAUSE_SECONDS)
        while not self._image_builder.is_healthy():
            if claimed.clock.monotonic() > deadline:
                raise DeploymentFailed(
                    f"the Image Builder did not come back within {_WAIT_FOR_BUILDER_SECONDS} s",
                    hint="start it, then deploy again",
                )
            claimed.pause(_PAUSE_SECONDS)

    def _store_result(
        self, claimed: ClaimedDeployment, state: DeploymentState, result: BuildResult
    ) -> None:
        with claimed.writing() as uow:
            if result.logs:
                uow.deployments.set_build_logs(
                    claimed.deployment_id, state.mask.redact(result.logs)
                )
            uow.deployments.set_image(claimed.deployment_id, self._name_image(state, result))

    def _name_image(self, state: DeploymentState, result: BuildResult) -> str:
        if result.image_names:
            return result.image_names[0]
        tag = result.image_tag or _choose_tag(state)
        name = state.manifest.name
        return get_job_image(self._docker_registry, self._registry_namespace, name, tag)

    def _advance(
        self, claimed: ClaimedDeployment, state: DeploymentState, result: BuildResult
    ) -> TaskStep:
        is_build_alone = state.task.kind == TaskKind.BUILD
        next_step = TaskStep.FINISH if is_build_alone else TaskStep.PROVISION
        with claimed.writing() as uow:
            uow.deployment_tasks.store_image(
                claimed.lease,
                result.image_tag or _choose_tag(state),
                result.image_names,
                result.job_type_version,
            )
            uow.deployment_tasks.advance(claimed.lease, next_step)
        return next_step


class BuildLogWriter:
    """Gathers lines and writes them twice a second, also when no further line arrives."""

    def __init__(self, claimed: ClaimedDeployment, mask: SecretRedactor) -> None:
        self._claimed = claimed
        self._mask = mask
        self._pending: list[str] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="build-log", daemon=True)

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
        """Add lines; raises what went wrong with writing those before."""
        self._raise_error()
        with self._lock:
            self._pending.append(text if text.endswith("\n") else f"{text}\n")

    def _run(self) -> None:
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
            with self._claimed.writing() as uow:
                uow.deployments.append_build_logs(
                    self._claimed.deployment_id, self._mask.redact(text)
                )

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error


def make_image_tag(deployment: DeploymentDto) -> str:
    """Name the image of a deployment: when, and which; always the same for the same deployment."""
    moment = datetime.fromtimestamp(deployment.create_time, UTC)
    return f"{moment:%Y-%m-%dT%H%M%S}-{deployment.id[:8]}"


def _choose_tag(state: DeploymentState) -> str:
    """Name what is built: as it was, when an image that is gone is built again from the same source."""
    if state.task.image_tag and state.task.source_digest:
        return state.task.image_tag
    return make_image_tag(state.deployment)


def _find_bundle(uow: UnitOfWork, digest: str | None) -> bytes | None:
    if digest is None:
        return None
    content = uow.bundles.find(digest)
    if content is None:
        raise EntityNotFound(f"the source bundle {digest[:12]} is gone; deploy the job again")
    return content


def _make_payload(state: DeploymentState, bundle: bytes | None) -> BuildPayload:
    return BuildPayload(
        manifest=load_yaml_map(state.deployment.manifest_yaml),
        tag=_choose_tag(state),
        deployment_id=state.deployment.id,
        git_credentials=state.secrets.git_credentials,
        secret_build_env=state.secrets.build_env,
        build_context=base64.b64encode(bundle).decode() if bundle is not None else None,
        build_flags=state.task.build_flags,
        image_kind=state.task.image_kind,
        job_type_version=state.task.job_type_version or None,
    )
