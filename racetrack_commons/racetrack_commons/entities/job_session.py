"""The session of a browser that calls jobs, as Lifecycle hands it to PUB's log-in page."""

from pydantic import BaseModel, Field


class JobSession(BaseModel):
    """A session that calls jobs with the rights of its user, and does nothing else."""

    session: str = Field(repr=False)
    lifetime_seconds: int
    is_secure: bool
    """True if browsers must send it over HTTPS only."""
