"""Trying a job without serving it: does it load, and what does it answer."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from racetrack_job_wrapper.environment import JobEnvironment
from racetrack_job_wrapper.job import PERFORM
from racetrack_job_wrapper.probes import JobState
from racetrack_job_wrapper.server import load_job


def rehearse(
    environment: JobEnvironment, load: Callable[[], Any], payload: dict[str, Any] | None
) -> int:
    """Load the job, call it when there is a payload; returns the exit code."""
    state = JobState(environment)
    load_job(state, load)
    job = state.job
    if job is None:
        sys.stderr.write(f"the job can't be loaded: {state.error}\n")
        return 1
    if payload is None:
        endpoints = ", ".join(job.endpoints)
        sys.stdout.write(f"the job loads; endpoints: {endpoints}; examples: {len(job.examples)}\n")
        return 0
    response = asyncio.run(job.runner.run(job.endpoints[PERFORM], payload))
    sys.stdout.write(f"{response.body.decode()}\n")
    return 0 if response.status == 200 else 1
