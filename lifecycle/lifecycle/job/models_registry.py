"""Reading job families.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from racetrack_commons.entities.dto import JobFamilyDto

from lifecycle.context import get_context


def read_job_family_model(job_family_name: str) -> JobFamilyDto:
    """Return a job family; raise EntityNotFound when there is none of that name."""
    with get_context().unit_of_work.reading() as uow:
        return uow.families.get(job_family_name)
