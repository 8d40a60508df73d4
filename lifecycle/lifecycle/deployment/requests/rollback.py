"""Going back to an earlier deployment of a job: its image, manifest and secrets, without a build."""

from collections.abc import Callable
from dataclasses import dataclass

from racetrack_client.log.errors import EntityNotFound
from racetrack_client.log.logs import get_logger
from racetrack_client.manifest.validate import parse_manifest
from racetrack_client.utils.datamodel import load_yaml_map
from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import JobDto

from lifecycle.auth.authenticate import AuthSubject
from lifecycle.database.encryption import SecretBox
from lifecycle.database.repositories.deployment_tasks import DeploymentTask, TaskKind, TaskStep
from lifecycle.database.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lifecycle.deployment.attempt.secrets import DeploymentSecrets
from lifecycle.deployment.requests.enqueue import NewDeployment, enqueue
from lifecycle.infrastructure.registry import InfrastructureRegistry
from lifecycle.maintenance import check_no_maintenance

logger = get_logger(__name__)


class NothingToRollBackTo(EntityNotFound):
    """There is no earlier deployment, or it can't be restored any more."""


@dataclass(frozen=True)
class Snapshot:
    """What a deployment led to."""

    image_kind: str
    image_tag: str
    source_digest: str | None
    manifest_yaml: str
    secrets: DeploymentSecrets

    def runs_as(self, other: "Snapshot") -> bool:
        """Tell whether both run the same: one image, or images of two kinds that a move built from one source."""
        if (self.manifest_yaml, self.secrets) != (other.manifest_yaml, other.secrets):
            return False
        if self.image_kind == other.image_kind:
            return self.image_tag == other.image_tag
        return self.source_digest == other.source_digest


@dataclass(frozen=True)
class StartedRollback:
    """A rollback that was taken in."""

    deployment_id: str
    restored_deployment_id: str


@dataclass(frozen=True)
class JobRollback:
    """Takes in rollbacks."""

    unit_of_work: UnitOfWorkFactory
    infrastructure: InfrastructureRegistry
    secret_box: SecretBox
    clock: Clock
    wake_workers: Callable[[], None]

    def roll_back(
        self, job: JobDto, subject: AuthSubject, deployment_id: str | None = None
    ) -> StartedRollback:
        """Begin to restore a deployment of the job: that one, or the newest that differs from what serves.

        Rolled back twice, a job goes back two deployments, for rollbacks are no deployments to go back to.
        """
        with self.unit_of_work() as uow:
            check_no_maintenance(uow)
            uow.jobs.get(job.name, job.version)
            restorable = uow.deployment_tasks.list_restorable(job.name, job.version)
            if deployment_id is None:
                restored = self._find_previous(uow, job, restorable)
            else:
                restored = _find_wanted(job, restorable, deployment_id)
            new = self._make_new(uow, job, restored, subject)
            rollback_id = enqueue(uow, new, self.clock.now())
        logger.info(f"job {job} goes back to deployment {restored.deployment_id} by {subject.name}")
        self.wake_workers()
        return StartedRollback(rollback_id, restored.deployment_id)

    def _find_previous(
        self, uow: UnitOfWork, job: JobDto, restorable: list[DeploymentTask]
    ) -> DeploymentTask:
        serving_id = uow.instances.find_serving_id(job.name, job.version)
        serving = next((task for task in restorable if task.deployment_id == serving_id), None)
        candidates = [task for task in restorable if task.kind != TaskKind.ROLLBACK]
        older = self._skip_present(uow, candidates, serving) if serving else candidates
        previous = next(iter(older), None)
        if previous is None:
            raise NothingToRollBackTo(
                f"job {job} has no earlier deployment that could be restored:"
                " deploy what you want to go back to"
            )
        return previous

    def _skip_present(
        self, uow: UnitOfWork, candidates: list[DeploymentTask], serving: DeploymentTask
    ) -> list[DeploymentTask]:
        """List what is older than what serves, and differs from it."""
        present = self._make_snapshot(uow, serving)
        runs_now = [self._make_snapshot(uow, task).runs_as(present) for task in candidates]
        first = runs_now.index(True) if True in runs_now else 0
        pairs = list(zip(candidates, runs_now, strict=True))[first:]
        return [task for task, is_present in pairs if not is_present]

    def _make_snapshot(self, uow: UnitOfWork, task: DeploymentTask) -> Snapshot:
        return Snapshot(
            image_kind=task.image_kind,
            source_digest=task.source_digest,
            image_tag=task.image_tag or "",
            manifest_yaml=uow.deployments.get(task.deployment_id).manifest_yaml,
            secrets=DeploymentSecrets.decrypt(task.secrets, self.secret_box),
        )

    def _make_new(
        self, uow: UnitOfWork, job: JobDto, restored: DeploymentTask, subject: AuthSubject
    ) -> NewDeployment:
        deployment = uow.deployments.get(restored.deployment_id)
        present_target = job.infrastructure_target or ""
        # A job that was moved stays where it is, when the image of old can run there.
        is_same_kind = self.infrastructure.image_kind(present_target) == restored.image_kind
        target = present_target if is_same_kind else deployment.infrastructure_target or ""
        self.infrastructure.get(target)
        return NewDeployment(
            kind=TaskKind.ROLLBACK,
            first_step=TaskStep.PROVISION,
            manifest=parse_manifest(load_yaml_map(deployment.manifest_yaml)),
            manifest_yaml=deployment.manifest_yaml,
            infrastructure_target=target,
            image_kind=restored.image_kind,
            secrets=restored.secrets or b"",
            subject=subject,
            source_digest=restored.source_digest,
            image_tag=restored.image_tag,
            image_names=restored.image_names,
            job_type_version=restored.job_type_version,
        )


def _find_wanted(
    job: JobDto, restorable: list[DeploymentTask], deployment_id: str
) -> DeploymentTask:
    wanted = next((task for task in restorable if task.deployment_id == deployment_id), None)
    if wanted is None:
        known = ", ".join(task.deployment_id for task in restorable) or "none"
        raise NothingToRollBackTo(
            f"deployment {deployment_id} of job {job} can't be restored; those that can: {known}"
        )
    return wanted
