"""Source bundles: what clients packed, by its digest."""

from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from lifecycle.database.statements import execute_counting, insert_if_absent
from lifecycle.database.tables import DeploymentRow, DeploymentTaskRow, JobRow, SourceBundleRow
from lifecycle.domain.deployment import TaskStep


class BundleRepository:
    """The rows of `registry_sourcebundle`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, digest: str, content: bytes, now: datetime) -> None:
        """Keep a bundle; one that is there already is kept longer."""
        values = {"digest": digest, "content": content, "size": len(content), "create_time": now}
        insert_if_absent(self._session, SourceBundleRow, values, "digest")
        statement = update(SourceBundleRow).where(SourceBundleRow.digest == digest)
        execute_counting(self._session, statement.values(create_time=now))

    def find(self, digest: str) -> bytes | None:
        """Find the bytes of a bundle."""
        query = select(SourceBundleRow.content).where(SourceBundleRow.digest == digest)
        return self._session.scalars(query).one_or_none()

    def find_digest_of_job(self, image_tag: str, job_name: str, job_version: str) -> str | None:
        """Find what the image of a job was built from; None when it came from git."""
        query = (
            select(DeploymentTaskRow.source_digest)
            .join(DeploymentRow, DeploymentRow.id == DeploymentTaskRow.deployment_id)
            .where(
                DeploymentRow.job_name == job_name,
                DeploymentRow.job_version == job_version,
                DeploymentTaskRow.image_tag == image_tag,
                DeploymentTaskRow.source_digest.is_not(None),
            )
            .order_by(DeploymentTaskRow.created_at.desc())
        )
        return self._session.scalars(query.limit(1)).first()

    def remove_unused(self, before: datetime) -> int:
        """Forget bundles from before that moment that no task and no job needs; count them.

        Tasks need theirs while they are open, and as long as they can be rolled back to.
        """
        tasks = select(DeploymentTaskRow.source_digest).where(
            (DeploymentTaskRow.step != TaskStep.ENDED) | DeploymentTaskRow.secrets.is_not(None),
            DeploymentTaskRow.source_digest.is_not(None),
        )
        jobs = (
            select(DeploymentTaskRow.source_digest)
            .join(DeploymentRow, DeploymentRow.id == DeploymentTaskRow.deployment_id)
            .join(
                JobRow,
                (JobRow.name == DeploymentRow.job_name)
                & (JobRow.version == DeploymentRow.job_version)
                & (JobRow.image_tag == DeploymentTaskRow.image_tag),
            )
            .where(DeploymentTaskRow.source_digest.is_not(None))
        )
        statement = delete(SourceBundleRow).where(
            SourceBundleRow.create_time < before,
            SourceBundleRow.digest.not_in(tasks),
            SourceBundleRow.digest.not_in(jobs),
        )
        return execute_counting(self._session, statement)
