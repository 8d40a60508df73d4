"""Images of jobs: which of them are needed."""

from racetrack_commons.entities.dto import JobImage
from sqlalchemy import CompoundSelect, select, union
from sqlalchemy.orm import Session

from lifecycle.database.repositories.deployment_tasks import is_open_or_restorable
from lifecycle.database.tables import DeploymentRow, DeploymentTaskRow, JobInstanceRow, JobRow


class ImageRepository:
    """What several tables say of images."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list_needed(self) -> list[JobImage]:
        """List the images of all jobs and instances, and those that a deployment is at or may go back to."""
        task = DeploymentTaskRow
        of_jobs = select(JobRow.name, JobRow.image_tag)
        of_instances = select(JobInstanceRow.job_name, JobInstanceRow.image_tag)
        of_deployments = (
            select(DeploymentRow.job_name, task.image_tag)
            .join(task, task.deployment_id == DeploymentRow.id)
            .where(is_open_or_restorable())
        )
        query: CompoundSelect[str, str | None] = union(of_jobs, of_instances, of_deployments)
        rows = self._session.execute(query)
        return [JobImage(job_name=name, image_tag=tag) for name, tag in rows if tag]
