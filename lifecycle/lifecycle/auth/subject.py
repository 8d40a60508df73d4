"""Auth subjects of job families.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from dataclasses import dataclass, field

from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import JobFamilyDto

from lifecycle.auth.tokens import Tokens
from lifecycle.context import get_context


@dataclass(frozen=True)
class JobFamilySubject:
    """The auth subject of a job family, with a token that is valid."""

    id: str
    token: str = field(repr=False)


def get_auth_subject_by_job_family(job_family: JobFamilyDto) -> JobFamilySubject:
    """Return the auth subject of a family; the first call creates it and its token. Raises EntityNotFound."""
    if job_family.id is None:
        raise EntityNotFound(f"job family {job_family.name} is not in the registry")
    context = get_context()
    tokens = Tokens(context.auth_key, context.secret_box, Clock())
    with context.unit_of_work() as uow:
        subject = uow.auth_subjects.get_or_add_of_family(job_family.id)
        return JobFamilySubject(subject.id, tokens.ensure_valid(uow, subject))
