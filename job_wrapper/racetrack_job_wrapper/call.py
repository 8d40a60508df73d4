"""Calling other jobs from a job, through PUB and with the token of the calling job's family.

Jobs import this module: its names are frozen.
"""

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from racetrack_job_wrapper.environment import header_names
from racetrack_job_wrapper.recordkeeper import PREDECESSOR_HEADER, read_predecessor_id
from racetrack_job_wrapper.request import request_context

PERFORM_PATH = "/api/v1/perform"
NOT_YET = (202, 408, 504)
TASK_STATUS_HEADER = "X-Racetrack-Task-Status"
POLL_TIMEOUT = httpx.Timeout(5, read=60)


@dataclass(frozen=True)
class _Call:
    job_name: str
    version: str
    path: str
    method: str
    payload: Any
    headers: Mapping[str, str]
    pub_url: str

    def request(self, client: httpx.Client, prefix: str = "") -> httpx.Response:
        url = f"{self.pub_url}{prefix}/job/{self.job_name}/{self.version}{self.path}"
        return client.request(self.method, url, json=self.payload, headers=self.headers)


def call_job(  # noqa: PLR0913 - the published signature
    entrypoint: Any,
    job_name: str,
    path: str = PERFORM_PATH,
    payload: Any = None,
    version: str = "latest",
    method: str = "POST",
    timeout: float | None = 10,
) -> Any:
    """Call a job and return its decoded answer; raise RuntimeError when the call fails."""
    with _naming_failures(job_name, version), _client(httpx.Timeout(timeout)) as client:
        call = _prepare(entrypoint, job_name, path, payload, version, method)
        return _decode(call.request(client))


async def call_job_coroutine(entrypoint: Any, job_name: str, *args: Any, **kwargs: Any) -> Any:
    """Call a job like `call_job`, without blocking the event loop."""
    return await asyncio.to_thread(call_job, entrypoint, job_name, *args, **kwargs)


call_job_async = call_job_coroutine


def async_job_call(
    entrypoint: Any,
    job_name: str,
    path: str = PERFORM_PATH,
    payload: Any = None,
    version: str = "latest",
    method: str = "POST",
) -> Any:
    """Start an async call of a job and return its decoded answer, without a limit of time."""
    with _naming_failures(job_name, version), _client(POLL_TIMEOUT) as client:
        call = _prepare(entrypoint, job_name, path, payload, version, method)
        task = _decode(call.request(client, "/async/new"))
        return _decode(_poll(client, f"{call.pub_url}/async/task/{task['task_id']}/poll", call))


def _poll(client: httpx.Client, url: str, call: _Call) -> httpx.Response:
    while True:
        try:
            response = client.get(url, headers=call.headers)
        except httpx.ReadTimeout:
            continue
        # Older gateways do not tell whether such a status is the job's own.
        is_own = response.headers.get(TASK_STATUS_HEADER, "ongoing") != "ongoing"
        if is_own or response.status_code not in NOT_YET:
            return response


def _prepare(
    entrypoint: Any, job_name: str, path: str, payload: Any, version: str, method: str
) -> _Call:
    pub_url = os.environ.get("PUB_URL")
    if not pub_url:
        raise ValueError("PUB_URL env var is not set")
    headers = {"X-Racetrack-Auth": os.environ["AUTH_TOKEN"]}
    request = request_context.get(None)
    for name in header_names():
        # There is no request in a thread that the job started itself.
        headers[name] = request.header(name) if request else ""
    predecessor = read_predecessor_id(entrypoint)
    if predecessor:
        headers[PREDECESSOR_HEADER] = predecessor
    return _Call(job_name, version, path, method, payload, headers, pub_url)


def _client(timeout: httpx.Timeout) -> httpx.Client:
    # Opening a connection can be repeated safely, because nothing was sent yet.
    return httpx.Client(timeout=timeout, transport=httpx.HTTPTransport(retries=2))


def _decode(response: httpx.Response) -> Any:
    response.raise_for_status()
    return response.json()


@contextmanager
def _naming_failures(job_name: str, version: str) -> Iterator[None]:
    """Raise RuntimeError, which names the called job and its caller, when a call fails."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, KeyError, ValueError) as error:
        raise RuntimeError(_describe_failure(job_name, version, error)) from error


def _describe_failure(job_name: str, version: str, error: Exception) -> str:
    caller = os.environ.get("JOB_NAME", "this job")
    reason = str(error).partition("\n")[0]  # httpx adds a second line, a link to a web page.
    text = f'failed to call job "{job_name} {version}" by {caller}: {reason}'
    if isinstance(error, httpx.HTTPStatusError):
        text += f": {error.response.text}"
    return text
