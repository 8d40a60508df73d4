"""Calling other jobs from a job."""

import asyncio
import os
from typing import Any

import httpx

from racetrack_job_wrapper.context import request_context
from racetrack_job_wrapper.environment import header_names


def call_job(
    entrypoint: Any,
    job_name: str,
    path: str = "/api/v1/perform",
    payload: dict[str, Any] | None = None,
    version: str = "latest",
    method: str = "POST",
    timeout: float | None = 10,
) -> Any:
    """Call a job through PUB and return its decoded answer; RuntimeError says what went wrong."""
    try:
        url = f"{os.environ['PUB_URL']}/job/{job_name}/{version}{path}"
        response = httpx.request(method, url, json=payload, headers=_headers(), timeout=timeout)
        response.raise_for_status()
        return response.json()
    except httpx.HTTPStatusError as error:
        raise RuntimeError(
            f"{_failure(job_name, version)}: {error}: {error.response.text}"
        ) from error
    except (httpx.HTTPError, KeyError, ValueError) as error:
        raise RuntimeError(f"{_failure(job_name, version)}: {error}") from error


async def call_job_coroutine(entrypoint: Any, job_name: str, *args: Any, **kwargs: Any) -> Any:
    """Do the same without blocking the event loop."""
    return await asyncio.to_thread(call_job, entrypoint, job_name, *args, **kwargs)


call_job_async = call_job_coroutine


def _failure(job_name: str, version: str) -> str:
    return f'failed to call job "{job_name} {version}" by {os.environ.get("JOB_NAME", "this job")}'


def _headers() -> dict[str, str]:
    headers = {"X-Racetrack-Auth": os.environ["AUTH_TOKEN"]}
    request = request_context.get(None)
    for name in header_names() if request else ():
        headers[name] = request.header(name) if request else ""
    return headers
