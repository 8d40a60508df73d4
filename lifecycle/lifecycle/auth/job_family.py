"""Tokens of job families, for infrastructure targets that start jobs.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from lifecycle.auth.subject import JobFamilySubject, get_auth_subject_by_job_family
from lifecycle.context import get_context


def get_job_family_jwt_token(job_family_name: str) -> str:
    """Return the token with which jobs of a family call other jobs; the first call creates it. Raises EntityNotFound."""
    with get_context().unit_of_work.reading() as uow:
        family = uow.families.get(job_family_name)
    subject: JobFamilySubject = get_auth_subject_by_job_family(family)
    return subject.token
