"""Orders of lists: Lifecycle sorts by them, and the dashboard asks for them by the columns of its tables."""

from enum import StrEnum


class JobOrder(StrEnum):
    """The orders of a list of jobs."""

    NAME = "name"
    """By name; the highest version of a family first."""
    LATEST_FAMILY = "latest_family"
    """The family that was last deployed first, its versions together."""
    LATEST_JOB = "latest_job"
    """The job that was last deployed first."""
    STATUS = "status"
    """Failing jobs first, running ones last."""


class PortfolioOrder(StrEnum):
    """The orders of a list of rated jobs: its own ones, and those of `JobOrder`."""

    SCORE = "score"
    """The highest score first."""
    LAST_CALL = "last_call"
    """The job that was last called first; those without a call last."""
    NAME = JobOrder.NAME.value
    LATEST_JOB = JobOrder.LATEST_JOB.value
    STATUS = JobOrder.STATUS.value

    @property
    def is_of_jobs(self) -> bool:
        """True if it is a `JobOrder`, too."""
        return self.value in {order.value for order in JobOrder}


class DeploymentOrder(StrEnum):
    """The orders of a list of deployments."""

    LATEST = "latest"
    """The deployment that was last changed first."""
    NAME = "name"
    """By name and version of the job; of equal jobs, the last changed first."""
    STATUS = "status"
    """Those at work first, then failed ones, then those that are done."""
