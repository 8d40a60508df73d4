"""Counts of calls, by job and caller, as PUB reports them to Lifecycle."""

from pydantic import BaseModel, Field


class CallCount(BaseModel):
    """Calls of one version of a job by one caller since the last report."""

    job_name: str = Field(max_length=512)
    job_version: str = Field(max_length=256)
    caller: str = Field(max_length=600)
    """Such as `User anna`; empty for callers without a token."""
    count: int = Field(ge=1)
    last_call_time: float
    """The time of the last of them, in seconds since 1970."""


class CallReport(BaseModel):
    """The calls that a gateway counted since its last report."""

    calls: list[CallCount] = Field(max_length=10_000)
