"""What a job says of itself: probes and health, answered on the event loop, never behind calls."""

from racetrack_job_wrapper.environment import JobEnvironment
from racetrack_job_wrapper.job import JobState
from racetrack_job_wrapper.request import Headers
from racetrack_job_wrapper.responses import Response, json_response

JOB_HEADER = "X-Racetrack-Job"
"""The gateway names in it which job it means, `<name> <version>`; a refusal names who answers."""


def live(state: JobState) -> Response:
    """Tell that the process runs and its job was not found broken."""
    timestamp = state.environment.deployment_timestamp
    if state.error is None:
        return json_response({"live": True, "deployment_timestamp": timestamp})
    content = {"live": False, "deployment_timestamp": timestamp, "error": state.error}
    return json_response(content, 500)


def ready(state: JobState) -> Response:
    """Tell whether the job takes calls."""
    is_ready = state.job is not None
    return json_response({"ready": is_ready}, 200 if is_ready else 500)


def health(state: JobState) -> Response:
    """Tell everything about the job at once."""
    environment = state.environment
    is_ready = state.job is not None
    content = {
        "service": "job",
        "job_name": environment.name,
        "live": state.error is None,
        "ready": is_ready,
        "status": "pass" if is_ready else "fail",
        "error": state.error,
        "job_version": environment.version,
        "git_version": environment.git_version,
        "deployed_by_racetrack_version": environment.deployed_by_racetrack_version,
        "deployment_timestamp": environment.deployment_timestamp,
        "job_type_version": environment.job_type_version,
    }
    return json_response(content, 200 if is_ready else 500)


def not_loaded(state: JobState) -> Response:
    """Answer a call that comes before the job is there, or after it failed to load."""
    if state.error is not None:
        content = {"error": f"the job could not be loaded: {state.error}", "type": "JobNotLoaded"}
        return json_response(content, 500)
    content = {"error": "the job is starting; call again soon", "type": "JobNotReady"}
    return json_response(content, 503, {"retry-after": "1"})


def refuse_stray(headers: Headers, environment: JobEnvironment) -> Response | None:
    """Make the refusal of a call that is not for this job; None when it is, or when nobody says."""
    wanted = headers.get(JOB_HEADER)
    here = f"{environment.name} {environment.version}"
    if not wanted or wanted == here:
        return None
    content = {"error": f"this is job {here}, not {wanted}", "type": "MisdirectedCall"}
    return json_response(content, 421, {JOB_HEADER: here})
