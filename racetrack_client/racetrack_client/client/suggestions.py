"""Suggestions for a name that leads nowhere: a similar job, the versions of a job, the endpoints of a job.

A suggestion is extra: when its question fails, the error stays as it is.
"""

import difflib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from racetrack_client.client.deployment_progress import (
    describe_end,
    describe_status,
    is_running,
)
from racetrack_client.client.job_call import JobEndpoint, Method
from racetrack_client.client.session import Session, job_path
from racetrack_client.log.errors import EntityNotFound
from racetrack_client.utils.request import EndpointUnknown, RequestError, ResponseError

PATIENCE_SECONDS = 3.0
"""The longest time that a suggestion, or pressing Tab, waits for an answer."""
API_PREFIX = "/api/v1"
"""The beginning of the paths of a job's methods, which `racetrack call` leaves out."""
_MISSING = ("there is no job ", "was never built here")


@contextmanager
def suggesting_jobs(session: Session, name: str) -> Iterator[None]:
    """Add to the error of a job that does not exist which one may be meant."""
    try:
        yield
    except ResponseError as error:
        if error.status_code != 404 or not any(each in str(error) for each in _MISSING):
            raise
        suggestion = suggest_job(session, name)
        raise ResponseError("; ".join(filter(None, (str(error), suggestion))), 404) from error


@contextmanager
def suggesting_endpoints(
    session: Session, name: str, version: str, endpoint: str
) -> Iterator[None]:
    """Explain EndpointUnknown of a call by the endpoints that the job has."""
    try:
        yield
    except EndpointUnknown as error:
        found = list_endpoints(session, name, version)
        path = f"/{endpoint.strip('/')}"
        if not found or path in found:
            raise
        text = f"job {name} {version} has no endpoint {path}; it has: {', '.join(found)}"
        raise EndpointUnknown(text, error.status_code) from error


def list_endpoints(session: Session, name: str, version: str) -> list[str]:
    """List the endpoints that a job describes in its documentation; none when it does not answer."""
    return sorted(_read_methods(session, name, version))


def resolve_endpoint(session: Session, called: JobEndpoint, method: Method) -> JobEndpoint:
    """Return the endpoint that a short path such as `/explain` means: `/api/v1/explain`, if the job has it and not `/explain`."""
    path = f"/{called.path.strip('/')}"
    if path == "/" or path.startswith("/api/"):
        return called
    known = _read_methods(session, called.name, called.version)
    full = f"{API_PREFIX}{path}"
    is_meant = path not in known and method.lower() in known.get(full, ())
    return JobEndpoint(called.name, called.version, full) if is_meant else called


def _read_methods(session: Session, name: str, version: str) -> dict[str, Collection[str]]:
    """Return the methods of each endpoint, as the documentation of a job tells them."""
    try:
        url = f"{session.pub_url}/{job_path(name, version)}/openapi.json"
        answer = session.request("GET", url, timeout_seconds=PATIENCE_SECONDS)
        return dict(answer.json()["paths"]) if answer.ok else {}
    except (EntityNotFound, RequestError, ValueError, KeyError, TypeError):
        return {}


def suggest_job(session: Session, name: str) -> str:
    """Return the versions of the job, the fate of its last deployment, or a similar name; perhaps an empty text."""
    jobs = _ask(session, "job")
    last = find_last_deployment(session, name)
    if last and is_running(last):
        return _describe_deployment(last)
    if versions := [job["version"] for job in jobs if job["name"] == name]:
        return f"{name} has the versions: {', '.join(versions)}"
    if last:
        return _describe_deployment(last)
    close = difflib.get_close_matches(name, {job["name"] for job in jobs}, n=1)
    return f"did you mean {close[0]}?" if close else "`racetrack list` shows the jobs"


def find_last_deployment(session: Session, name: str, version: str = "") -> dict[str, Any] | None:
    """Return the deployment of a job that changed last; None without one, or when it can't be asked for."""
    question = {"job_name": name, "limit": 1} | ({"job_version": version} if version else {})
    found = _ask(session, f"deploy?{urlencode(question)}")
    # Older servers know no filters.
    own = [each for each in found if each["job_name"] == name]
    return next((each for each in own if version in ("", each["job_version"])), None)


def _describe_deployment(deployment: dict[str, Any]) -> str:
    name, version = deployment["job_name"], deployment["job_version"]
    status = describe_status(deployment)
    if is_running(deployment):
        return (
            f"version {version} is being deployed ({status}); `racetrack attach {name}` follows it"
        )
    if status == "done":
        return f"it was deployed as version {version}, and deleted since"
    log = f"`racetrack build-logs {name} --version {version}` shows the log of its build"
    return f"its last deployment, of version {version}, {describe_end(deployment)}; {log}"


def _ask(session: Session, path: str) -> list[dict[str, Any]]:
    try:
        return list(session.call("GET", path, timeout_seconds=PATIENCE_SECONDS))
    except (RequestError, ResponseError, TypeError):
        return []
