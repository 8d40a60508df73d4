"""Responses about the job itself: probes, health, and calls that come too early. They never wait behind calls."""

from racetrack_job_wrapper.job import JobState
from racetrack_job_wrapper.responses import Response, json_response


def live(state: JobState) -> Response:
    """Answer 200 while the process runs, unless the job could not be loaded."""
    identity = {"deployment_timestamp": state.environment.deployment_timestamp}
    if state.error is None:
        return json_response({"live": True, **identity})
    return json_response({"live": False, **identity, "error": state.error}, 500)


def ready(state: JobState) -> Response:
    """Answer 200 once the job accepts calls."""
    is_ready = state.job is not None
    return json_response({"ready": is_ready}, 200 if is_ready else 500)


def health(state: JobState) -> Response:
    """Answer with everything that is known about the job."""
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
    """Answer a call of a job that is still being loaded, or could not be loaded."""
    if state.error is not None:
        content = {"error": f"the job could not be loaded: {state.error}", "type": "JobNotLoaded"}
        return json_response(content, 500)
    content = {"error": "the job is starting; call again soon", "type": "JobNotReady"}
    return json_response(content, 503, {"retry-after": "1"})
