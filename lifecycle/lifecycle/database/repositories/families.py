"""Job families."""

from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.entities.dto import JobFamilyDto
from sqlalchemy import select
from sqlalchemy.orm import Session

from lifecycle.database.tables import JobFamilyRow


class FamilyRepository:
    """The rows of `registry_jobfamily`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list_all(self) -> list[JobFamilyDto]:
        """List all families by name."""
        rows = self._session.scalars(select(JobFamilyRow).order_by(JobFamilyRow.name))
        return [JobFamilyDto.model_validate(row) for row in rows]

    def find(self, name: str) -> JobFamilyDto | None:
        """Find the family of that name."""
        row = self._session.scalar(select(JobFamilyRow).where(JobFamilyRow.name == name))
        return JobFamilyDto.model_validate(row) if row else None

    def get(self, name: str) -> JobFamilyDto:
        """Return the family of that name."""
        family = self.find(name)
        if family is None:
            raise EntityNotFound(f"there is no job family {name}")
        return family

    def ensure(self, name: str) -> JobFamilyDto:
        """Return the family of that name, added if it was not there."""
        family = self.find(name)
        if family is not None:
            return family
        row = JobFamilyRow(name=name)
        self._session.add(row)
        self._session.flush()
        return JobFamilyDto.model_validate(row)
