"""Requests to deploy or build a job: the source bundle, the checks, the wait for the end."""

import asyncio
import base64
import binascii
import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from racetrack_client.entities import BuildFlag, DeployPayload
from racetrack_client.log.errors import (
    AlreadyExists,
    ServiceUnavailable,
    TooManyRequests,
    ValidationError,
)
from racetrack_client.log.logs import get_logger
from racetrack_client.manifest.manifest import Manifest
from racetrack_client.manifest.validate import parse_manifest
from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import DeploymentDto, DeploymentStatus

from lifecycle.auth.authenticate import AuthSubject
from lifecycle.core import Core
from lifecycle.database.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lifecycle.deployer.instances import InstanceDeployer, InstanceNotStarted
from lifecycle.deployment.attempt.failure import DeploymentFailed
from lifecycle.deployment.requests.bound_secrets import bind_secrets
from lifecycle.deployment.requests.enqueue import (
    NewDeployment,
    check_is_free,
    check_may_deploy,
    check_no_deployment,
    enqueue,
)
from lifecycle.domain.deployment import DeploymentWork, TaskKind, TaskStep
from lifecycle.domain.secrets import JobSecrets
from lifecycle.maintenance import check_no_maintenance

logger = get_logger(__name__)

_GZIP_MAGIC = b"\x1f\x8b"
_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 1.0
_RETRY_SECONDS = 10
_OPEN_BUNDLES = 4
"""The bundles of the largest size that the open deployments of one user may have together."""


@dataclass(frozen=True)
class SourceBundle:
    """The source of a job: a compressed archive."""

    content: bytes

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the bytes, by which the archive is stored."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class DeploymentSubmitter:
    """Checks requests to deploy or build, and stores those that pass for the workers; threads of endpoints call it."""

    core: Core
    wake_workers: Callable[[], None]

    def deploy(self, payload: DeployPayload, subject: AuthSubject) -> str:
        """Store a deployment that a worker carries out; return its id."""
        return self._submit(TaskKind.DEPLOY, payload, subject)

    def build(self, payload: DeployPayload, subject: AuthSubject) -> str:
        """Store a build of the image alone; return the id of the deployment that shows it."""
        return self._submit(TaskKind.BUILD, payload, subject)

    def _submit(self, kind: TaskKind, payload: DeployPayload, subject: AuthSubject) -> str:
        if known := self._find_known(payload.deployment_id, subject):
            return known
        manifest = parse_manifest(payload.manifest)
        target = self.core.infrastructure.choose(
            manifest.infrastructure_target, self.core.config.infrastructure_target
        )
        if kind == TaskKind.DEPLOY:
            self._check_can_start(manifest, target)
        _check_build_flags(payload.build_flags)
        _check_has_source(payload, manifest)
        bundle = self._read_bundle(payload)
        digest = bundle.digest if bundle else None
        given = bind_secrets(JobSecrets.of_payload(payload), manifest, subject.id, digest)
        self.core.config.disk_space.check_room(len(bundle.content) if bundle else 0)
        work = DeploymentWork(
            kind=kind,
            force=bool(payload.force),
            build_flags=payload.build_flags,
            source_digest=digest,
            secrets=given.encrypt(self.core.secret_box),
            image_kind=self.core.infrastructure.get_image_kind(target),
        )
        new = NewDeployment(
            work, TaskStep.BUILD, manifest, target, subject, id=payload.deployment_id
        )
        deployment_id = self._store(new, bundle)
        logger.info(f"{kind} of {manifest.name} {manifest.version} asked for by {subject.name}")
        self.wake_workers()
        return deployment_id

    def _check_can_start(self, manifest: Manifest, target: str) -> None:
        deployer = self.core.infrastructure.get(target).job_deployer
        if not isinstance(deployer, InstanceDeployer):
            return
        try:
            deployer.check_manifest(manifest)
        except InstanceNotStarted as error:
            raise ValidationError(str(error)) from error

    def _find_known(self, deployment_id: str | None, subject: AuthSubject) -> str | None:
        """Return the id that a client sends again because it got no answer; None when it is new, or the server's to make."""
        if deployment_id is None:
            return None
        _check_uuid(deployment_id)
        with self.core.unit_of_work.reading() as uow:
            task = uow.deployment_tasks.find(deployment_id)
        if task is not None and task.auth_subject_id != subject.id:
            raise AlreadyExists(f"there is another deployment {deployment_id}: send a new id")
        return None if task is None else deployment_id

    def _read_bundle(self, payload: DeployPayload) -> SourceBundle | None:
        if not payload.build_context:
            return None
        return read_bundle(payload.build_context, self.core.config.max_bundle_bytes)

    def _store(self, new: NewDeployment, bundle: SourceBundle | None) -> str:
        with self.core.unit_of_work() as uow:
            if new.work.kind == TaskKind.DEPLOY:
                check_no_maintenance(uow)
            check_may_deploy(uow, new.subject, new.manifest)
            self._check_queue(uow, new.subject, bundle)
            now, manifest = self.core.clock.now(), new.manifest
            if new.work.kind == TaskKind.DEPLOY and not self._may_overwrite(new):
                # A deployment in progress has its job's row already, and is what the caller wants to hear of.
                check_no_deployment(uow, manifest.name, manifest.version, now)
                check_is_free(uow, manifest)
            if bundle is not None:
                uow.bundles.add(bundle.digest, bundle.content, now)
            return enqueue(uow, new, now)

    def _check_queue(
        self, uow: UnitOfWork, subject: AuthSubject, bundle: SourceBundle | None
    ) -> None:
        """Refuse further deployments of a user who has many open ones, or large ones; raise TooManyRequests."""
        config = self.core.config
        waiting = uow.deployment_tasks.measure_open(subject.id)
        size = waiting.size_bytes + (len(bundle.content) if bundle else 0)
        if waiting.count < config.max_open_deployments and (
            not waiting.count or size <= _OPEN_BUNDLES * config.max_bundle_bytes
        ):
            return
        raise TooManyRequests(
            f"{waiting.count} deployments of {subject.name} wait or run:"
            " deploy again when some of them have ended (`racetrack deployments` shows them)",
            _RETRY_SECONDS,
        )

    def _may_overwrite(self, new: NewDeployment) -> bool:
        return new.work.force or self.core.config.allow_job_overwrite


@dataclass(frozen=True)
class DeploymentWaiter:
    """Waits, in the event loop, for the end of deployments: neither a thread nor a transaction waits meanwhile."""

    unit_of_work: UnitOfWorkFactory
    clock: Clock
    stopping: threading.Event
    timeout_seconds: float = 3600

    async def wait(self, deployment_id: str) -> DeploymentDto:
        """Return the deployment once it is done.

        Raises DeploymentFailed when it failed, ServiceUnavailable after the timeout or when this
        process stops.
        """
        begun_at = self.clock.monotonic()
        while True:
            deployment = await asyncio.to_thread(self._get, deployment_id)
            if deployment.status == DeploymentStatus.DONE:
                return deployment
            if deployment.status == DeploymentStatus.FAILED:
                raise DeploymentFailed(deployment.error or f"deployment {deployment_id} failed")
            waited = self.clock.monotonic() - begun_at
            if waited > self.timeout_seconds:
                raise ServiceUnavailable(
                    f"deployment {deployment_id} has not ended yet; `racetrack list` shows when"
                )
            if self.stopping.is_set():
                raise ServiceUnavailable(
                    f"Lifecycle is stopping; deployment {deployment_id} goes on afterwards"
                )
            await asyncio.sleep(min(_LONGEST_PAUSE_SECONDS, _PAUSE_SECONDS + waited / 20))

    def _get(self, deployment_id: str) -> DeploymentDto:
        with self.unit_of_work.reading() as uow:
            return uow.deployments.get(deployment_id)


def read_bundle(build_context: str, max_bytes: int) -> SourceBundle:
    """Decode the base64 of an archive that a client sent; raise ValidationError when it is no archive, or too large."""
    if len(build_context) > _encoded_length(max_bytes):
        raise _too_large(len(build_context) * 3 // 4, max_bytes)
    try:
        content = base64.b64decode(build_context, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValidationError(f"build_context is not base64: {error}") from error
    if len(content) > max_bytes:
        raise _too_large(len(content), max_bytes)
    if not content.startswith(_GZIP_MAGIC):
        raise ValidationError("build_context is not a gzip-compressed tar archive")
    return SourceBundle(content)


def _check_uuid(text: str) -> None:
    try:
        is_canonical = str(UUID(text)) == text
    except ValueError:
        is_canonical = False
    if not is_canonical:
        raise ValidationError(f"deployment_id {text[:64]!r} is not a UUID in lower case")


def _check_build_flags(flags: list[str]) -> None:
    unknown = [flag for flag in flags if flag not in set(BuildFlag)]
    if unknown:
        raise ValidationError(
            f"unknown build flag {', '.join(unknown)}; allowed: {', '.join(BuildFlag)}"
        )


def _check_has_source(payload: DeployPayload, manifest: Manifest) -> None:
    if not payload.build_context and not manifest.git.remote:
        raise ValidationError(
            "no files were sent, and the manifest names no repository; "
            "deploy with --build-context local, or name the repository in git.remote"
        )


def _encoded_length(size: int) -> int:
    return (size + 2) // 3 * 4


def _too_large(size: int, max_bytes: int) -> ValidationError:
    mebibyte = 1024 * 1024
    return ValidationError(
        f"the job's directory makes an archive of {size / mebibyte:.1f} MiB;"
        f" at most {max_bytes / mebibyte:g} MiB are allowed."
        " Name large files that the job does not need in .racetrackignore"
    )
