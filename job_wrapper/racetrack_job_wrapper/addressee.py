"""Calls meant for another job: for a moment the gateway may know an address as another's that is ours by now."""

from racetrack_job_wrapper.context import Headers
from racetrack_job_wrapper.environment import JobEnvironment
from racetrack_job_wrapper.responses import Response, json_response

JOB_HEADER = "X-Racetrack-Job"
"""The gateway names in it which job it means, `<name> <version>`; a refusal names who answers."""


def refuse_stray(headers: Headers, environment: JobEnvironment) -> Response | None:
    """Make the refusal of a call that is not for this job; None when it is, or when nobody says."""
    wanted = headers.get(JOB_HEADER)
    here = f"{environment.name} {environment.version}"
    if not wanted or wanted == here:
        return None
    content = {"error": f"this is job {here}, not {wanted}", "type": "MisdirectedCall"}
    return json_response(content, 421, {JOB_HEADER: here})
