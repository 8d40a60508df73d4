"""Counted calls of jobs."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True)
class JobCalls:
    """The calls of a version of a job by one caller."""

    job_name: str
    job_version: str
    caller: str
    """Such as `User anna`; empty for callers without a token, and where names are not recorded."""
    count: int
    last_call_time: datetime


class CallerRecording(StrEnum):
    """The part of calls that is recorded."""

    OFF = "off"
    COUNT = "count"
    """The number of calls, and the time of the last."""
    NAMES = "names"
    """Both for each caller."""
