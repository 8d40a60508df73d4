"""Secrets that jobs were deployed with, encrypted."""

from sqlalchemy import delete
from sqlalchemy.orm import Session

from lifecycle.database.tables import JobSecretRow


class JobSecretRepository:
    """The rows of `registry_jobsecret`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, name: str, version: str) -> bytes | None:
        """Find the encrypted secrets of a job."""
        row = self._session.get(JobSecretRow, (name, version))
        return row.content if row else None

    def save(self, name: str, version: str, content: bytes) -> None:
        """Insert or replace them."""
        self._session.merge(JobSecretRow(name=name, version=version, content=content))
        self._session.flush()

    def remove(self, name: str, version: str) -> None:
        """Forget them."""
        statement = delete(JobSecretRow).where(
            JobSecretRow.name == name, JobSecretRow.version == version
        )
        self._session.execute(statement)
