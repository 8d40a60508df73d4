"""Counted calls of jobs."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class JobCalls:
    """The calls of a version of a job by one caller."""

    job_name: str
    job_version: str
    caller: str
    """Such as `User anna`; empty for callers without a token, and where names are not recorded."""
    count: int
    last_call_time: datetime
