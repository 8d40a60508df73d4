"""Answers to requests that failed: the one table from exception classes to statuses."""

import math
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pydantic
from fastapi import Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from racetrack_client.log.context_error import ContextError, walk_causes
from racetrack_client.log.errors import (
    AlreadyExists,
    DiskFull,
    EntityNotFound,
    ServiceUnavailable,
    TooManyRequests,
    UnauthorizedError,
    ValidationError,
)
from racetrack_client.log.logs import get_logger
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from racetrack_commons.api.metrics import CommonsMetrics
from racetrack_commons.api.tracing import current_tracing_id

logger = get_logger(__name__)

STATUSES: Mapping[type[Exception], int] = {
    ValidationError: 400,
    UnauthorizedError: 401,
    EntityNotFound: 404,
    AlreadyExists: 409,
    TooManyRequests: 429,
    DiskFull: 507,
    ServiceUnavailable: 503,
}
"""The statuses of errors that a caller can cause or wait for. Every other error is a fault of the service: 500."""
_DISK_RETRY_SECONDS = "30"


@dataclass(frozen=True)
class ErrorAnswer:
    """The answer to a request that failed."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def is_fault(self) -> bool:
        """True if the service is at fault."""
        return self.status == 500


def describe_failure(error: Exception, statuses: Mapping[type[Exception], int]) -> ErrorAnswer:
    """Return the answer: its status follows from the class of the error, then from the classes of its causes."""
    error = _single_member(error)
    for cause in walk_causes(error):
        if status := _find_status(cause, statuses):
            body = {"error": str(error), "type": type(cause).__name__}
            return ErrorAnswer(status, body, _headers(cause))
    if isinstance(error, pydantic.ValidationError):
        return ErrorAnswer(400, {"error": _describe_model_error(error), "type": "ValidationError"})
    if isinstance(error, ValueError):
        return ErrorAnswer(400, {"error": str(error), "type": type(error).__name__})
    return _describe_fault(error)


class ErrorMiddleware:
    """Answers errors that no handler caught; logs each fault once, with its traceback."""

    def __init__(
        self, app: ASGIApp, metrics: CommonsMetrics, statuses: Mapping[type[Exception], int]
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._statuses = statuses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI defines it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_started = False

        async def watch(message: Message) -> None:
            nonlocal is_started
            is_started = True
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:
            if is_started:
                # It is too late for another status: the server breaks the connection and logs the error.
                self._metrics.internal_server_errors.inc()
                raise
            await self._answer(error, scope)(scope, receive, send)

    def _answer(self, error: Exception, scope: Scope) -> JSONResponse:
        answer = describe_failure(error, self._statuses)
        where = f"{scope['method']} {scope['path']}"
        if answer.is_fault:
            self._metrics.internal_server_errors.inc()
            logger.error(f"{where} failed: {answer.body['error']}", exc_info=error)
        elif not _is_expected(error, self._statuses):
            logger.warning(f"{where} refused: {answer.body['error']}", exc_info=error)
        return JSONResponse(answer.body, status_code=answer.status, headers=answer.headers)


async def answer_invalid_request(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
    """Answer a request that violates its schema with FastAPI's list of details, and with one line of text."""
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    text = "; ".join(_describe_problem(problem) for problem in problems)
    details = [_without_input(problem) for problem in problems]
    return JSONResponse({"detail": details, "error": text}, status_code=422)


async def answer_http_error(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
    """Answer a request that the framework itself refuses, such as one whose body is not text."""
    if not isinstance(error, HTTPException):
        raise error
    body = {"detail": error.detail}
    # Published clients recognize unknown paths and methods by this body.
    if error.status_code not in (404, 405):
        body |= {"error": error.detail, "type": "HTTPException"}
    return JSONResponse(body, status_code=error.status_code, headers=error.headers)


def _headers(error: BaseException) -> dict[str, str]:
    if isinstance(error, TooManyRequests):
        return {"Retry-After": str(math.ceil(error.retry_after_seconds))}
    if isinstance(error, DiskFull):
        return {"Retry-After": _DISK_RETRY_SECONDS}
    return {}


def _find_status(error: BaseException, statuses: Mapping[type[Exception], int]) -> int | None:
    return next((statuses[name] for name in type(error).__mro__ if name in statuses), None)


def _is_expected(error: Exception, statuses: Mapping[type[Exception], int]) -> bool:
    return any(_find_status(cause, statuses) for cause in walk_causes(_single_member(error)))


def _single_member(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _describe_fault(error: Exception) -> ErrorAnswer:
    """Return an answer that shows only our own contexts, not the error itself, and a reference to the log."""
    reference = current_tracing_id.get() or uuid.uuid4().hex[:12]
    words = [*_contexts(error), f"internal error, see the service's log for reference {reference}"]
    return ErrorAnswer(500, {"error": ": ".join(words), "type": type(error).__name__})


def _contexts(error: Exception) -> Iterator[str]:
    for cause in walk_causes(error):
        if isinstance(cause, ContextError):
            inside = str(cause.__cause__) if cause.__cause__ else ""
            yield str(cause).removesuffix(inside).removesuffix(": ")


def _describe_model_error(error: pydantic.ValidationError) -> str:
    problems = error.errors(include_input=False, include_url=False)
    return "; ".join(_describe_problem(dict(problem)) for problem in problems)


def _describe_problem(problem: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in problem.get("loc", ()))
    return f"{place}: {problem['msg']}" if place else str(problem["msg"])


def _without_input(problem: Mapping[str, Any]) -> dict[str, Any]:
    """Return the problem without its input: an incomplete body would be sent back whole, passwords included."""
    detail: dict[str, Any] = jsonable_encoder(
        {key: problem.get(key) for key in ("type", "loc", "msg")}
    )
    return detail | {"input": None}
