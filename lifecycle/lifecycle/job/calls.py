"""Recording calls of jobs, as far as the settings allow, and showing them to those who may read the job."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from racetrack_client.entities import AuthScope

from lifecycle.auth.authenticate import AuthSubject
from lifecycle.auth.authorize import decide_job
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.calls import CallerRecording, JobCalls


def record_calls(
    uow: UnitOfWork, counted: Sequence[JobCalls], recording: CallerRecording, now: datetime
) -> None:
    """Record calls, and the time of the last call of each job."""
    if recording is CallerRecording.OFF:
        return
    are_named = recording is CallerRecording.NAMES
    recorded = [
        # A gateway whose clock is ahead must not keep a job "called" in the future.
        replace(
            calls,
            caller=calls.caller if are_named else "",
            last_call_time=min(calls.last_call_time, now),
        )
        for calls in sorted(
            counted, key=lambda each: (each.job_name, each.job_version, each.caller)
        )
    ]
    # In the order of their keys: transactions that write the same rows in different orders could wait for each other.
    for calls in recorded:
        uow.calls.add(calls)
        uow.jobs.note_call(calls.job_name, calls.job_version, calls.last_call_time)


def list_readable_calls(
    uow: UnitOfWork, subject: AuthSubject, job_name: str, days: int, now: datetime
) -> list[JobCalls]:
    """List the calls of today and the days before, of those versions of a job that the caller may read."""
    found = uow.calls.list_since(job_name, (now - timedelta(days=days - 1)).date())
    readable = {
        version
        for version in {calls.job_version for calls in found}
        if decide_job(
            uow, subject, AuthScope.READ_JOB, job_name, uow.jobs.find(job_name, version)
        ).is_allowed
    }
    return [calls for calls in found if calls.job_version in readable]
