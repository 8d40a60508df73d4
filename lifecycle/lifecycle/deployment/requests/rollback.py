"""Requests to go back to an earlier deployment of a job: its image, manifest and secrets, without a build."""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel
from racetrack_client.log.errors import EntityNotFound
from racetrack_client.log.logs import get_logger
from racetrack_client.manifest.validate import parse_manifest
from racetrack_client.utils.datamodel import load_yaml_map
from racetrack_commons.entities.dto import JobDto

from lifecycle.auth.authenticate import AuthSubject
from lifecycle.core import Core
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.deployment.requests.bound_secrets import choose_usable_secrets
from lifecycle.deployment.requests.enqueue import NewDeployment, enqueue
from lifecycle.domain.deployment import DeploymentTask, DeploymentWork, TaskKind, TaskStep
from lifecycle.domain.secrets import JobSecrets
from lifecycle.job.versions import LATEST, find_by_alias
from lifecycle.maintenance import check_no_maintenance

logger = get_logger(__name__)


class NothingToRollBackTo(EntityNotFound):
    """The job has no earlier deployment, or that one can no longer be restored."""


@dataclass(frozen=True)
class Revision:
    """The image, manifest and secrets that a deployment led to."""

    image_kind: str
    image_tag: str
    source_digest: str | None
    manifest_yaml: str
    secrets: JobSecrets

    def runs_as(self, other: "Revision") -> bool:
        """Return whether both run the same: one image, or two kinds of image that a move built from one source."""
        if (self.manifest_yaml, self.secrets) != (other.manifest_yaml, other.secrets):
            return False
        if self.image_kind == other.image_kind:
            return self.image_tag == other.image_tag
        return self.source_digest == other.source_digest


class RollbackResult(BaseModel):
    """The deployment that restores, and the one that it restores."""

    deployment_id: str
    restored_deployment_id: str


@dataclass(frozen=True)
class JobRollback:
    """Stores rollbacks for the workers; threads of endpoints call it."""

    core: Core
    wake_workers: Callable[[], None]

    def roll_back(
        self, job: JobDto, subject: AuthSubject, deployment_id: str | None = None
    ) -> RollbackResult:
        """Begin to restore `deployment_id`, or without it the newest deployment that differs from the serving one.

        A second rollback goes back one deployment further, because rollbacks themselves are never
        restored. Raises NothingToRollBackTo.
        """
        with self.core.unit_of_work() as uow:
            check_no_maintenance(uow)
            uow.jobs.get(job.name, job.version)
            restorable = uow.deployment_tasks.list_restorable(job.name, job.version)
            if deployment_id is None:
                restored = self._choose_previous(uow, job, restorable)
            else:
                serving_id = uow.instances.find_serving_id(job.name, job.version)
                restored = _choose_wanted(job, restorable, deployment_id, serving_id)
            new = self._make_new(uow, job, restored, subject)
            rollback_id = enqueue(uow, new, self.core.clock.now())
        logger.info(f"job {job} goes back to deployment {restored.deployment_id} by {subject.name}")
        self.wake_workers()
        return RollbackResult(
            deployment_id=rollback_id, restored_deployment_id=restored.deployment_id
        )

    def _choose_previous(
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
                f" {_describe_other_ways(uow, job)}"
            )
        return previous

    def _skip_present(
        self, uow: UnitOfWork, candidates: list[DeploymentTask], serving: DeploymentTask
    ) -> list[DeploymentTask]:
        """List the candidates that are older than the serving deployment and differ from it."""
        present = self._make_revision(uow, serving)
        runs_now = [self._make_revision(uow, task).runs_as(present) for task in candidates]
        first = runs_now.index(True) if True in runs_now else 0
        pairs = list(zip(candidates, runs_now, strict=True))[first:]
        return [task for task, is_present in pairs if not is_present]

    def _make_revision(self, uow: UnitOfWork, task: DeploymentTask) -> Revision:
        return Revision(
            image_kind=task.image_kind,
            source_digest=task.source_digest,
            image_tag=task.image_tag or "",
            manifest_yaml=uow.deployments.get(task.deployment_id).manifest_yaml,
            secrets=JobSecrets.decrypt(task.secrets, self.core.secret_box),
        )

    def _make_new(
        self, uow: UnitOfWork, job: JobDto, restored: DeploymentTask, subject: AuthSubject
    ) -> NewDeployment:
        deployment = uow.deployments.get(restored.deployment_id)
        present_target = job.infrastructure_target or ""
        # A job that was moved stays on its target, if the earlier image can run there.
        is_same_kind = (
            self.core.infrastructure.get_image_kind(present_target) == restored.image_kind
        )
        target = present_target if is_same_kind else deployment.infrastructure_target or ""
        self.core.infrastructure.get(target)
        manifest = parse_manifest(load_yaml_map(deployment.manifest_yaml))
        stored = JobSecrets.decrypt(restored.secrets, self.core.secret_box)
        usable = choose_usable_secrets(stored, manifest, restored.source_digest)
        work = DeploymentWork(
            kind=TaskKind.ROLLBACK,
            source_digest=restored.source_digest,
            secrets=usable.secrets.encrypt(self.core.secret_box),
            image_kind=restored.image_kind,
            image_tag=restored.image_tag,
            image_names=restored.image_names,
            job_type_version=restored.job_type_version,
        )
        return NewDeployment(
            work,
            TaskStep.PROVISION,
            manifest,
            target,
            subject,
            manifest_yaml=deployment.manifest_yaml,
            left_out=usable.left_out,
        )


def _describe_other_ways(uow: UnitOfWork, job: JobDto) -> str:
    """Say what is left to do for a job that can't be rolled back: deploy, or let callers have another version."""
    others = [each for each in uow.jobs.list_family(job.name) if each.version != job.version]
    other = find_by_alias(others, LATEST)
    if other is None:
        return "deploy what you want to go back to"
    return (
        f"`racetrack rollback {job.name} --to {other.version}` points latest at version {other.version}"
        " instead, or deploy what you want to go back to"
    )


def _choose_wanted(
    job: JobDto, restorable: list[DeploymentTask], deployment_id: str, serving_id: str | None
) -> DeploymentTask:
    wanted = next((task for task in restorable if task.deployment_id == deployment_id), None)
    if wanted is None:
        others = [task.deployment_id for task in restorable if task.deployment_id != serving_id]
        known = ", ".join(others) or "none"
        raise NothingToRollBackTo(
            f"deployment {deployment_id} of job {job} can't be restored; those that can: {known}"
        )
    return wanted
