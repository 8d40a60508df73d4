"""The end of failed attempts: their errors, the text that users read (cause, evidence, hint), and the job that never served."""

from racetrack_commons.entities.dto import ChangeKind, DeploymentDto
from racetrack_commons.redaction import SecretRedactor

from lifecycle.database.unit_of_work import UnitOfWork

_LONGEST_ERROR = 20_000


class DeploymentFailed(Exception):
    """A deployment can't go on; its text is what the user reads."""

    def __init__(self, cause: str, evidence: str = "", hint: str = "") -> None:
        self.cause, self.evidence, self.hint = cause, evidence.strip(), hint
        super().__init__(_join(cause, self.evidence, hint))


class DeploymentInterrupted(Exception):
    """This worker stops its work on a deployment, and another worker continues it."""


def describe_failure(error: BaseException, redactor: SecretRedactor) -> str:
    """Return the error text of a deployment, without secrets and of bounded length."""
    text = redactor.redact(str(error) or type(error).__name__)
    if len(text) > _LONGEST_ERROR:
        text = text[: _LONGEST_ERROR // 2] + "\n[…]\n" + text[-_LONGEST_ERROR // 2 :]
    return text


def remove_unserved_job(uow: UnitOfWork, deployment: DeploymentDto) -> None:
    """Remove the job of a deployment that has ended, if it was the first of this version."""
    job = uow.jobs.find(deployment.job_name, deployment.job_version)
    if job is not None and job.is_first_start:
        uow.jobs.remove(job.name, job.version)
        uow.record_change(ChangeKind.JOB, job.name)


def _join(cause: str, evidence: str, hint: str) -> str:
    text = cause
    if evidence:
        text += "\nLast log lines:\n" + "\n".join(f"  {line}" for line in evidence.splitlines())
    return f"{text}\nHint: {hint}" if hint else text
