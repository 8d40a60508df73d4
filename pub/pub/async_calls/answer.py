"""The end of an async call as the poller gets it."""

from datetime import UTC, datetime
from typing import Any

from racetrack_commons.entities.bodies import decode_body
from racetrack_commons.entities.dto import AsyncCallStatus, AsyncJobCallDto
from starlette.responses import JSONResponse, Response

from pub.async_calls.headers import unfold

STATUS_HEADER = "X-Racetrack-Task-Status"
"""Tells a job's own 202, 408 or 504 from a poll that was too early."""
_BODILESS = (204, 304)
_BAD_GATEWAY = 502


def present_end(call: AsyncJobCallDto) -> Response:
    """Make the job's own answer, or tell why there is none."""
    if call.status is AsyncCallStatus.COMPLETED:
        return _replay(call)
    return JSONResponse(_describe_failure(call), 500, headers={STATUS_HEADER: call.status})


def _replay(call: AsyncJobCallDto) -> Response:
    body = decode_body(call.response_body, call.body_encoding)
    response = Response(body, status_code=call.response_status_code or _BAD_GATEWAY)
    headers = unfold(call.response_headers or {})
    # The length is that of the body that was kept: answers to HEAD tell another.
    passed = [(name, value) for name, value in headers if name != "content-length"]
    if response.status_code not in _BODILESS:
        passed.append(("content-length", str(len(body))))
    passed.append((STATUS_HEADER.lower(), str(call.status)))
    response.raw_headers = [
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in passed
    ]
    return response


def _describe_failure(call: AsyncJobCallDto) -> dict[str, Any]:
    ended_at = call.ended_at if call.ended_at is not None else call.started_at
    return {
        "task_id": call.id,
        "status": call.status,
        "job_name": call.job_name,
        "job_version": call.job_version,
        "job_path": call.job_path,
        "http_method": call.request_method,
        "started_at": _format_time(call.started_at),
        "ended_at": _format_time(ended_at),
        "duration": f"{max(0, ended_at - call.started_at)}s",
        "error": call.error,
        "attempts": call.attempts,
    }


def _format_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
