"""Responses of a job: results become JSON, and exceptions become statuses."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeGuard

from racetrack_job_wrapper.auth.auth import UnauthorizedError
from racetrack_job_wrapper.encoding import NotSerializable, to_json
from racetrack_job_wrapper.log.errors import AlreadyExists, EntityNotFound, ValidationError
from racetrack_job_wrapper.log.logs import error_text

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
    """A complete response."""

    body: bytes
    status: int = 200
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    app: Callable[..., Any] | None = None
    """An ASGI response that the job made itself; it is sent unchanged."""
    is_failure: bool = False
    """True if the call raised an exception, which metrics count."""


def json_response(
    content: object, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Make a JSON response; raise NotSerializable when the content can't be encoded."""
    return Response(to_json(content), status, headers=headers or {})


def error_response(error: BaseException) -> Response:
    """Make the response `{"error", "type"}` for the exception of a call; it never holds a traceback."""
    inner = _list_inner(error)
    if len(inner) == 1:
        return error_response(inner[0])
    if isinstance(error, TypeError) and _is_wrong_call(error):
        return _failure(f"failed to call a function: {error}", "ValueError", 400)
    if _is_http_error(error):
        body = _encode_detail(error.detail)
        headers = dict(getattr(error, "headers", None) or {})
        return Response(body, int(error.status_code), headers=headers, is_failure=True)
    if inner:
        return _failure(*_describe_group(error, inner), 500)
    status = next((status for kind, status in STATUSES if isinstance(error, kind)), 500)
    return _failure(error_text(error), type(error).__name__, status)


def is_asgi_response(result: object) -> bool:
    """Return whether a result is a response of a web framework, such as Starlette's StreamingResponse."""
    return callable(result) and hasattr(result, "status_code") and hasattr(result, "raw_headers")


def _failure(text: str, kind: str, status: int) -> Response:
    return Response(to_json({"error": text, "type": kind}), status, is_failure=True)


def _encode_detail(detail: Any) -> bytes:
    try:
        return to_json({"detail": detail})
    except NotSerializable:
        return to_json({"detail": str(detail)})


def _list_inner(error: BaseException) -> tuple[BaseException, ...]:
    # Exceptions of other kinds may have such an attribute with another meaning. ExceptionGroup is new in Python 3.11.
    inner = getattr(error, "exceptions", ())
    if not isinstance(inner, tuple | list):
        return ()
    return tuple(each for each in inner if isinstance(each, BaseException) and each is not error)


def _is_http_error(error: Any) -> TypeGuard[Any]:
    status = getattr(error, "status_code", None)
    return isinstance(status, int) and 200 <= status <= 599 and hasattr(error, "detail")


def _describe_group(error: BaseException, inner: tuple[BaseException, ...]) -> tuple[str, str]:
    kinds = ", ".join(type(each).__name__ for each in inner)
    texts = ", ".join(error_text(each) for each in inner)
    return f"{error_text(error)}: {texts}", f"{type(error).__name__}: {kinds}"


def _is_wrong_call(error: TypeError) -> bool:
    # A wrong call is raised by the wrapper's own frame; an error inside the job has further frames.
    frame: TracebackType | None = error.__traceback__
    is_raised_here = frame is not None and frame.tb_next is None
    return is_raised_here and not isinstance(error, NotSerializable)
