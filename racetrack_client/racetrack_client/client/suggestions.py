"""Suggestions for a name that leads nowhere: a similar job, the versions of a job, the endpoints of a job.

A suggestion is extra: when its question fails, the error stays as it is.
"""

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from racetrack_client.client.session import Session, job_path
from racetrack_client.utils.request import EndpointUnknown, RequestError, ResponseError

PATIENCE_SECONDS = 3.0
"""The longest time that a suggestion, or pressing Tab, waits for an answer."""
_MISSING = "there is no job "


@contextmanager
def suggesting_jobs(session: Session, name: str) -> Iterator[None]:
    """Add to the error of a job that does not exist which one may be meant."""
    try:
        yield
    except ResponseError as error:
        if error.status_code != 404 or _MISSING not in str(error):
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
    url = f"{session.pub_url}/{job_path(name, version)}/openapi.json"
    try:
        answer = session.request("GET", url, timeout_seconds=PATIENCE_SECONDS)
        return sorted(answer.json()["paths"]) if answer.ok else []
    except (RequestError, ValueError, KeyError, TypeError):
        return []


def suggest_job(session: Session, name: str) -> str:
    """Return the versions of the job, the fate of its last deployment, or a similar name; perhaps an empty text."""
    jobs = _ask(session, "job")
    if versions := [job["version"] for job in jobs if job["name"] == name]:
        return f"{name} has the versions: {', '.join(versions)}"
    question = urlencode({"job_name": name, "limit": 1})
    deployments = [each for each in _ask(session, f"deploy?{question}") if each["job_name"] == name]
    if deployments:
        return _describe_deployment(deployments[0])
    close = difflib.get_close_matches(name, {job["name"] for job in jobs}, n=1)
    return f"did you mean {close[0]}?" if close else "`racetrack list` shows the jobs"


def _describe_deployment(deployment: dict[str, Any]) -> str:
    name, version = deployment["job_name"], deployment["job_version"]
    status = str(deployment["status"]).lower()
    if status == "failed":
        log = f"`racetrack build-logs {name} --version {version}` shows the log of its build"
        return f"its last deployment, of version {version}, failed; {log}"
    if status == "done":
        return f"it was deployed as version {version}, and deleted since"
    return f"version {version} is being deployed"


def _ask(session: Session, path: str) -> list[dict[str, Any]]:
    try:
        return list(session.call("GET", path, timeout_seconds=PATIENCE_SECONDS))
    except (RequestError, ResponseError, TypeError):
        return []
