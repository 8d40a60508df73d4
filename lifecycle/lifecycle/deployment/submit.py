"""Taking in a job that somebody wants to have deployed or built."""

from collections.abc import Callable
from dataclasses import dataclass

from racetrack_client.log.errors import ValidationError
from racetrack_client.log.logs import get_logger
from racetrack_client.manifest.validate import parse_manifest
from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import DeployPayload

from lifecycle.auth.authenticate import AuthSubject
from lifecycle.config import Config
from lifecycle.database.encryption import SecretBox
from lifecycle.database.repositories.deployment_tasks import TaskKind, TaskStep
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.deployment.bundle import SourceBundle, read_bundle
from lifecycle.deployment.guard import check_is_free, check_may_deploy
from lifecycle.deployment.queue import NewDeployment, enqueue
from lifecycle.deployment.secrets import DeploymentSecrets
from lifecycle.infrastructure.registry import InfrastructureRegistry
from lifecycle.maintenance import check_no_maintenance

logger = get_logger(__name__)

_BUILD_FLAGS = {"--no-cache"}


@dataclass(frozen=True)
class DeploymentSubmitter:
    """Refuses what can be refused at once, and leaves the rest to the workers."""

    config: Config
    unit_of_work: UnitOfWorkFactory
    infrastructure: InfrastructureRegistry
    secret_box: SecretBox
    clock: Clock
    wake_workers: Callable[[], None]

    def deploy(self, payload: DeployPayload, subject: AuthSubject) -> str:
        """Take in a deployment; return its id."""
        return self._submit(TaskKind.DEPLOY, payload, subject)

    def build(self, payload: DeployPayload, subject: AuthSubject) -> str:
        """Take in a build of the image alone; return the id of the deployment that shows it."""
        return self._submit(TaskKind.BUILD, payload, subject)

    def _submit(self, kind: TaskKind, payload: DeployPayload, subject: AuthSubject) -> str:
        manifest = parse_manifest(payload.manifest)
        target = self.infrastructure.choose(
            manifest.infrastructure_target, self.config.infrastructure_target
        )
        _check_build_flags(payload.build_flags)
        bundle = self._read_bundle(payload)
        new = NewDeployment(
            kind=kind,
            first_step=TaskStep.BUILD,
            manifest=manifest,
            infrastructure_target=target,
            image_kind=self.infrastructure.image_kind(target),
            secrets=DeploymentSecrets.of_payload(payload).encrypt(self.secret_box),
            subject=subject,
            source_digest=bundle.digest if bundle else None,
            build_flags=payload.build_flags,
            force=bool(payload.force),
        )
        deployment_id = self._store(new, bundle)
        logger.info(f"{kind} of {manifest.name} {manifest.version} asked for by {subject.name}")
        self.wake_workers()
        return deployment_id

    def _read_bundle(self, payload: DeployPayload) -> SourceBundle | None:
        if not payload.build_context:
            return None
        return read_bundle(payload.build_context, self.config.max_bundle_bytes)

    def _store(self, new: NewDeployment, bundle: SourceBundle | None) -> str:
        with self.unit_of_work() as uow:
            if new.kind == TaskKind.DEPLOY:
                check_no_maintenance(uow)
            check_may_deploy(uow, new.subject, new.manifest)
            if new.kind == TaskKind.DEPLOY and not self._may_overwrite(new):
                check_is_free(uow, new.manifest)
            if bundle is not None:
                uow.bundles.add(bundle.digest, bundle.content, self.clock.now())
            return enqueue(uow, new, self.clock.now())

    def _may_overwrite(self, new: NewDeployment) -> bool:
        return new.force or self.config.allow_job_overwrite


def _check_build_flags(flags: list[str]) -> None:
    unknown = [flag for flag in flags if flag not in _BUILD_FLAGS]
    if unknown:
        raise ValidationError(
            f"unknown build flag {', '.join(unknown)}; allowed: {', '.join(_BUILD_FLAGS)}"
        )
