"""Sessions of people in browsers, as Lifecycle hands them to PUB's log-in page and to the dashboard."""

from pydantic import BaseModel, Field
from racetrack_client.entities import AuthScope


class JobSession(BaseModel):
    """A session that calls jobs with the rights of its user, and does nothing else."""

    session: str = Field(repr=False)
    lifetime_seconds: int
    is_secure: bool
    """True if browsers must send it over HTTPS only."""


class EndedJobSession(BaseModel):
    """A session that a browser has logged out of."""

    session: str = Field(repr=False)


class DashboardSession(BaseModel):
    """The sessions of a log-in to the dashboard, which end together."""

    username: str
    is_staff: bool
    is_superuser: bool
    session: str = Field(
        repr=False, description="Lifecycle's API takes it as the value of `X-Racetrack-Auth`."
    )
    job_session: str = Field(repr=False, description="PUB takes it; it calls jobs only.")
    lifetime_seconds: int


class CurrentUser(BaseModel):
    """The calling user, and what the user may do on everything."""

    username: str
    is_staff: bool
    is_superuser: bool
    scopes_on_everything: list[AuthScope]
