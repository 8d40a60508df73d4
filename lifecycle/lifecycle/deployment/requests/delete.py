"""Requests to delete a job: its row, permissions and instances go; its name and version stay reserved."""

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from racetrack_client.log.context_error import wrap_context
from racetrack_client.log.errors import ServiceUnavailable
from racetrack_client.log.logs import get_logger
from racetrack_commons.entities.audit import AuditEventType
from racetrack_commons.entities.dto import ChangeKind, JobDto
from racetrack_commons.plugin.core import PluginCore

from lifecycle.audit import AuditEvent, write_event
from lifecycle.auth.authenticate import AuthSubject
from lifecycle.core import Core
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.deployment.requests.enqueue import check_no_deployment
from lifecycle.deployment.upkeep.reaper import InstanceReaper
from lifecycle.domain.instance import InstanceState, JobInstance
from lifecycle.job.version_pins import forget_pin
from lifecycle.maintenance import check_no_maintenance

logger = get_logger(__name__)


class JobStillRuns(ServiceUnavailable):
    """The job is no longer registered, but its target could not remove it yet."""


@dataclass(frozen=True)
class JobDeleter:
    """Deletes jobs, in the calling thread."""

    core: Core
    reaper: InstanceReaper

    def delete(self, job: JobDto, subject: AuthSubject) -> None:
        """Take the job out of the registry, then stop its instances.

        In this order, a crash in between leaves instances that the reaper stops, and never a job
        in the registry that has lost its instances. Raises DeploymentInProgress, UnderMaintenance,
        and JobStillRuns when the target failed.
        """
        with self.core.unit_of_work() as uow:
            check_no_maintenance(uow)
            check_no_deployment(uow, job.name, job.version, self.core.clock.now())
            present = uow.jobs.get(job.name, job.version)
            instances = self._remove(uow, present, subject)
        left = [instance for instance in instances if not self.reaper.remove(instance)]
        logger.info(f"job {job} was deleted by {subject.name}")
        self._invoke_hooks(present, subject)
        if left:
            raise JobStillRuns(
                f"job {job} is deleted here, but target {left[0].infrastructure_target} could not stop it;"
                " Lifecycle tries again every minute, and its log tells the cause"
            )

    def _remove(self, uow: UnitOfWork, job: JobDto, subject: AuthSubject) -> list[JobInstance]:
        now = self.core.clock.now()
        write_event(uow, AuditEvent.about_job(AuditEventType.JOB_DELETED, subject.name, job), now)
        uow.trash.add(job, now)
        instances = uow.instances.list_of_job(job.name, job.version) or [_describe(job, now)]
        ending = {"state": InstanceState.ENDING, "drain_until": now}
        instances = [instance.model_copy(update=ending) for instance in instances]
        for instance in instances:
            uow.instances.save(instance)
        uow.job_secrets.remove(job.name, job.version)
        uow.deployment_tasks.delete_secrets_of_job(job.name, job.version)
        uow.jobs.remove(job.name, job.version)
        forget_pin(uow, job)
        uow.record_change(ChangeKind.JOB, job.name)
        return instances

    def _invoke_hooks(self, job: JobDto, subject: AuthSubject) -> None:
        with wrap_context(f"job {job} is deleted, but a plugin's post-delete action failed"):
            self.core.plugins.invoke_plugin_hook(
                PluginCore.post_job_delete, job, username_executor=subject.name
            )


def _describe(job: JobDto, now: datetime) -> JobInstance:
    """Describe the instance of a job that was deployed before the database had instances."""
    return JobInstance(
        id=str(uuid4()),
        job_name=job.name,
        job_version=job.version,
        infrastructure_target=job.infrastructure_target or "",
        state=InstanceState.ENDING,
        create_time=now,
        image_tag=job.image_tag or "",
    )
