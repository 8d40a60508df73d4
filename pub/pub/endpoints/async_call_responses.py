"""Responses about async calls: their status, the job's own answer, and failures."""

import uuid
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel
from racetrack_commons.api.tracing import current_tracing_id
from racetrack_commons.auth.token import AUTH_HEADER
from racetrack_commons.entities.async_calls import AsyncCallStatus, AsyncJobCallDto
from racetrack_commons.entities.lifecycle_client import LifecycleError
from starlette.responses import JSONResponse, Response

from pub.async_calls.attempt import unfold

STATUS_HEADER = "X-Racetrack-Task-Status"
"""The header that distinguishes a job's own 202, 408 or 504 from a poll that came too early."""
_BODILESS = (204, 304)
_BAD_GATEWAY = 502
_VISITOR_UNKNOWN = "VisitorUnknown"
"""Lifecycle's type of refusals of the caller; other refusals concern the gateway."""


class TaskState(BaseModel):
    """The status of an async call."""

    task_id: str
    status: AsyncCallStatus


POLL_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The job's own answer; its status may be any other, too",
        "content": {"*/*": {}},
        "headers": {STATUS_HEADER: {"schema": {"type": "string"}}},
    },
    202: {"description": "Not yet: poll again", "model": TaskState},
    504: {"description": "Lifecycle does not answer: poll again"},
}


def answer_poll(call: AsyncJobCallDto) -> Response:
    """Make the job's own answer of a completed call, or describe why a failed call has none."""
    if call.status is AsyncCallStatus.COMPLETED:
        return _replay(call)
    return JSONResponse(_describe_failure(call), 500, headers={STATUS_HEADER: call.status})


def answer_ongoing(task_id: str, retry_after: int) -> Response:
    headers = {"Retry-After": str(retry_after)}
    return answer_status(task_id, AsyncCallStatus.ONGOING, 202, headers)


def answer_status(
    task_id: str, status: AsyncCallStatus, code: int = 200, headers: dict[str, str] | None = None
) -> Response:
    content = {"task_id": task_id, "status": status}
    return JSONResponse(content, code, headers={STATUS_HEADER: status, **(headers or {})})


def answer_read_error(error: LifecycleError, what: str) -> Response:
    if error.status == 404:
        return answer_error(404, "Task not found in Lifecycle: Async task not found")
    if error.type == _VISITOR_UNKNOWN:
        hint = f"send the token of the caller who started the task in the header {AUTH_HEADER}"
        return answer_error(401, f"Unauthenticated: {error}: {hint}")
    return answer_error(500, f"Failed to {what}: {error}")


def answer_error(status: int, error: str, headers: dict[str, str] | None = None) -> Response:
    content = {"error": error, "requestId": current_tracing_id.get() or str(uuid.uuid4())}
    return JSONResponse(content, status, headers=headers)


def _replay(call: AsyncJobCallDto) -> Response:
    body = call.body_encoding.decode_body(call.response_body)
    response = Response(body, status_code=call.response_status_code or _BAD_GATEWAY)
    headers = unfold(call.response_headers or {})
    # The length must be that of the stored body; an answer to HEAD tells another one.
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
        "started_at": format_time(call.started_at),
        "ended_at": format_time(ended_at),
        "duration": f"{max(0, ended_at - call.started_at)}s",
        "error": call.error,
        "attempts": call.attempts,
    }


def format_time(seconds: int) -> str:
    """Return a time as ISO 8601 text in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
