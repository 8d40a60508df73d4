"""Requests about jobs that are deployed already: redeploy, reprovision, move, reconcile."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from racetrack_client.log.errors import ValidationError
from racetrack_client.log.logs import get_logger
from racetrack_client.manifest import Manifest
from racetrack_client.manifest.validate import parse_manifest
from racetrack_client.utils.datamodel import load_yaml_map
from racetrack_commons.auth.token import AuthSubjectType
from racetrack_commons.entities.dto import JobDto, JobStatus

from lifecycle.auth.authenticate import AuthSubject
from lifecycle.core import Core
from lifecycle.deployment.requests.bound_secrets import choose_usable_secrets
from lifecycle.deployment.requests.enqueue import NewDeployment, enqueue
from lifecycle.deployment.requests.kept_secrets import KeptSecrets
from lifecycle.domain.deployment import RECONCILER, DeploymentWork, TaskKind, TaskStep
from lifecycle.maintenance import check_no_maintenance

logger = get_logger(__name__)


@dataclass(frozen=True)
class ExistingJobs:
    """Stores deployments of existing jobs for the workers; each method returns the ids of what it stored."""

    core: Core
    wake_workers: Callable[[], None]

    def redeploy(self, job: JobDto, subject: AuthSubject) -> str:
        """Build the job again from the same source, and replace its instance."""
        return self._store(
            self._make_new(TaskKind.REDEPLOY, job, subject, job.infrastructure_target)
        )

    def reprovision(self, job: JobDto, subject: AuthSubject) -> str:
        """Start the image of the job again, and replace its instance."""
        _check_has_image(job)
        new = self._make_new(TaskKind.REPROVISION, job, subject, job.infrastructure_target)
        return self._store(self._with_image(new, job))

    def move(self, job: JobDto, infrastructure_target: str, subject: AuthSubject) -> str:
        """Start the job on another target, then end it on the present one.

        The job is built again when the other target runs another kind of image.
        """
        _check_has_image(job)
        if not infrastructure_target:
            raise ValidationError("name the infrastructure target that the job shall move to")
        if infrastructure_target == job.infrastructure_target:
            raise ValidationError(f"job {job} is on infrastructure target {infrastructure_target}")
        present, other = job.infrastructure_target or "", infrastructure_target
        self.core.infrastructure.get(other)
        new = self._make_new(TaskKind.MOVE, job, subject, other)
        get_image_kind = self.core.infrastructure.get_image_kind
        if get_image_kind(present) == get_image_kind(other):
            return self._store(self._with_image(new, job))
        return self._store(new)

    def reconcile(self) -> list[str]:
        """Start every lost job again; a job that can't be started is logged, and stays lost."""
        with self.core.unit_of_work.reading() as uow:
            lost = [job for job in uow.jobs.list_all() if job.status == JobStatus.LOST]
        reconciler = AuthSubject(AuthSubjectType.INTERNAL, RECONCILER)
        started = []
        for job in lost:
            try:
                started.append(self.reprovision(job, reconciler))
            except Exception as error:  # noqa: BLE001 - one bad job must not keep the others lost
                logger.error(f"lost job {job} can't be started again: {error}")
        return started

    def _make_new(
        self, kind: TaskKind, job: JobDto, subject: AuthSubject, target: str | None
    ) -> NewDeployment:
        manifest = _read_manifest(job)
        with self.core.unit_of_work.reading() as uow:
            digest = uow.bundles.find_digest_of_job(job.image_tag or "", job.name, job.version)
        kept = KeptSecrets(self.core).load(job, manifest)
        usable = choose_usable_secrets(kept, manifest, digest)
        work = DeploymentWork(
            kind=kind,
            source_digest=digest,
            secrets=usable.secrets.encrypt(self.core.secret_box),
            image_kind=self.core.infrastructure.get_image_kind(target or ""),
        )
        return NewDeployment(
            work,
            TaskStep.BUILD,
            manifest,
            target or "",
            subject,
            manifest_yaml=job.manifest_yaml,
            left_out=usable.left_out,
        )

    def _with_image(self, new: NewDeployment, job: JobDto) -> NewDeployment:
        with self.core.unit_of_work.reading() as uow:
            names = uow.deployment_tasks.list_image_names(job.name, job.version, job.image_tag)
        image = {
            "image_tag": job.image_tag,
            "image_names": names,
            "job_type_version": job.job_type_version,
        }
        work = new.work.model_copy(update=image)
        return replace(new, work=work, first_step=TaskStep.PROVISION)

    def _store(self, new: NewDeployment) -> str:
        if new.first_step == TaskStep.BUILD:
            self.core.config.disk_space.check_room()
        with self.core.unit_of_work() as uow:
            check_no_maintenance(uow)
            uow.jobs.get(new.manifest.name, new.manifest.version)
            deployment_id = enqueue(uow, new, self.core.clock.now())
        self.wake_workers()
        return deployment_id


def _read_manifest(job: JobDto) -> Manifest:
    if not job.manifest_yaml:
        raise ValidationError(f"job {job} has no manifest: deploy it again")
    return parse_manifest(load_yaml_map(job.manifest_yaml))


def _check_has_image(job: JobDto) -> None:
    if not job.image_tag:
        raise ValidationError(f"job {job} has no image yet: redeploy it")
