"""Answers as bytes, and which error becomes which status."""

import json
import traceback
from dataclasses import dataclass, field

from racetrack_job_wrapper.auth.auth import UnauthorizedError
from racetrack_job_wrapper.log.errors import AlreadyExists, EntityNotFound, ValidationError

JSON = "application/json"
STATUSES: list[tuple[type[BaseException], int]] = [
    (UnauthorizedError, 401),
    (EntityNotFound, 404),
    (AlreadyExists, 409),
    (ValidationError, 400),
    (ValueError, 400),
]


@dataclass(frozen=True)
class Response:
    """A whole answer."""

    body: bytes
    status: int = 200
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


def json_response(
    content: object, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Make a JSON answer of plain values."""
    return Response(
        json.dumps(content, separators=(",", ":")).encode(), status, headers=headers or {}
    )


def error_response(error: BaseException) -> Response:
    """Make the answer `{"error", "type"}` for what a call raised; never a traceback."""
    if isinstance(error, TypeError) and _is_wrong_call(error):
        return json_response(
            {"error": f"failed to call a function: {error}", "type": "ValueError"}, 400
        )
    if hasattr(error, "status_code") and hasattr(error, "detail"):
        return json_response(
            {"detail": error.detail}, error.status_code, dict(getattr(error, "headers", None) or {})
        )
    status = next((status for kind, status in STATUSES if isinstance(error, kind)), 500)
    return json_response({"error": str(error), "type": type(error).__name__}, status)


def _is_wrong_call(error: TypeError) -> bool:
    # Raised by the call itself, not inside the job: the deepest frame is the wrapper's own.
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].filename.endswith("calls.py")
